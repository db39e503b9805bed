package reason

import "unicode"

// appendLatin appends r in lower case. Latin letters with marks and Cyrillic become
// plain letters: "Postfach überfüllt" is "postfach ueberfuellt", "ящик переполнен"
// is "yashchik perepolnen". Servers that answer in ASCII use the same spelling, so one
// pattern matches both.
func appendLatin(dst []byte, r rune) []byte {
	r = unicode.ToLower(r)
	if s, ok := latin[r]; ok {
		return append(dst, s...)
	}
	return append(dst, string(r)...)
}

var latin = func() map[rune]string {
	m := map[rune]string{
		'’': "'", 'ä': "ae", 'ö': "oe", 'ü': "ue", 'ß': "ss", 'æ': "ae", 'ø': "o", 'œ': "oe", 'þ': "th",
		'ж': "zh", 'ц': "ts", 'ч': "ch", 'ш': "sh", 'щ': "shch", 'ъ': "", 'ь': "", 'ю': "yu", 'я': "ya", 'ї': "yi", 'є': "ye",
	}
	for plain, letters := range map[string]string{
		"a": "àáâãåāăąа", "b": "б", "c": "çćĉċč", "d": "ðďđд", "e": "èéêëēĕėęěеёэ", "f": "ф", "g": "ğģгґ", "h": "ħх",
		"i": "ìíîïīįıиі", "k": "ķк", "l": "ĺļľłл", "m": "м", "n": "ñńņňн", "o": "òóôõōőо", "p": "п", "r": "ŕřр",
		"s": "śşšșс", "t": "ţťțт", "u": "ùúûūůűųу", "v": "в", "y": "ýÿйы", "z": "źżžз",
	} {
		for _, r := range letters {
			m[r] = plain
		}
	}
	return m
}()
