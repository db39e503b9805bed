package reason

import (
	"testing"

	"smtp_reply_exporter/logparse"
)

func TestFold(t *testing.T) {
	tests := []struct {
		name string
		code logparse.Code
		text string
		want string
	}{
		{"code and enhanced code", 550, "550 5.1.1 User  Unknown", "user unknown"},
		{"hash before the enhanced code", 550, "550 #5.1.0 Address rejected.", "address rejected."},
		{"code only", 451, "451", ""},
		{"text only", 451, "Try again later", "try again later"},
		{"other number first", 451, "450 or so", "450 or so"},
		{"multi-line", 450, "450-4.2.1 receiving mail at a rate that\n450-4.2.1 prevents more", "receiving mail at a rate that prevents more"},
		{"multi-line in one", 450, "450-4.2.1 at a rate that 450 4.2.1 prevents", "at a rate that prevents"},
		{"Exim's line ends", 550, `550-first\n550 second`, "first second"},
		{"host name", 554, "554 mx.spam.example says no", "_mx_spam_example says no"},
		{"address", 550, "550 <virus@x.example>: no", "<__>: no"},
		{"local part", 550, "550 <spam>: no", "<_spam>: no"},
		{"bare address", 550, "550 ask abuse@x.example.", "ask _@_."},
		{"source route", 501, "501 @relay.example: malformed", "_@_: malformed"},
		{"quoted local part", 550, `550 <"x>: a spam\""@x.example>: no`, "<__>: no"},
		{"quoted local part alone", 550, `550 User <"x> is spam"> unknown`, "user <__> unknown"},
		{"quoted local part without brackets", 550, `550 "a spam\""@x.example: no`, "_@_: no"},
		{"quotes within a local part", 550, `550 <a."> spam".b@x.example>: no`, "<__>: no"},
		{"local part with blanks", 550, `550 <a spam@x.example>: no`, "<__>: no"},
		{"local part with a backslash", 550, `550 <a\>\ spam@x.example>: no`, "<__>: no"},
		{"quotes that do not end", 550, `550 no <"x> spam`, "no <__>"},
		{"brackets that do not end", 550, `550 no <a@x.example: spam`, "no <__>"},
		{"words in brackets", 451, "451 4.7.1 <Greylisted: try again>", "<greylisted: try again>"},
		{"link in brackets", 554, "554 see <https://www.spamhaus.org/query>", "see <_https___www_spamhaus_org_query>"},
		{"words in quotes", 550, `550 a "spam" word`, `a "spam" word`},
		{"not an address", 550, "550 < a b >", "< a b >"},
		{"URL", 554, "554 see https://www.Spamhaus.org/query?ip=1, please", "see _https___www_spamhaus_org_query_ip_1_ please"},
		{"URL without scheme", 554, "554 see zone.example/spam now", "see _zone_example_spam now"},
		{"address literal", 554, "554 [192.0.2.1] listed", "[192.0.2.1] listed"},
		{"two sentences", 552, "552 over quota.Please wait", "over quota.please wait"},
		{"dots", 421, "421 favor...Greylisting", "favor...greylisting"},
		{"apostrophe", 550, "550 user doesn’t exist", "user doesn't exist"},
		{"marks", 552, "552 Boîte pleine, Größe ÜBERSCHRITTEN, łódź", "boite pleine, groesse ueberschritten, lodz"},
		{"Cyrillic", 552, "552 Ящик ПЕРЕПОЛНЕН, пользователь", "yashchik perepolnen, polzovatel"},
		{"other scripts", 552, "552 邮箱已满", "邮箱已满"},
		{"no-break space", 552, "552 quota\u00a0exceeded", "quota exceeded"},
		{"Latin-1", 552, "552 bo\xeete pleine", "boite pleine"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(fold(nil, withoutAddresses(nil, []byte(tt.text)), tt.code)); got != tt.want {
				t.Errorf("fold(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestFindEnhanced(t *testing.T) {
	tests := []struct{ text, want string }{
		{"550 5.1.1 x", "5.1.1"},
		{"550 #5.1.0 x", "5.1.0"},
		{"5.7.1 x", "5.7.1"},
		{"#5.7.1 x", "5.7.1"},
		{"553 sorry, no mailbox here by that name. (#5.1.1)", "5.1.1"},
		{"550 sorry (#5.1.1 - chkuser)", "5.1.1"},
		{"550 550 5.1.1 x", "5.1.1"},
		{"550 450 4.2.1 x", ""},
		{"550 550", ""},
		{"550 (#soon)", ""},
		{"550 see 4.5.6", ""},
		{"", ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			if got := findEnhanced([]byte(tt.text)).String(); got != tt.want {
				t.Errorf("findEnhanced(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}
