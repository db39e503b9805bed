package logparse

import "bytes"

// A harakaHook is a hook whose refusal is a reply (connection.js, the functions whose
// names end in _respond).
type harakaHook struct {
	hook    string
	command Command
	// The codes of DENY and DENYSOFT unless the plugin gives a code of its own; 0 is
	// no refusal.
	deny, soft Code
	// The words unless the plugin gives some.
	words, softWords string
	// own is true of a hook that has a line of the server's own, at the level NOTICE,
	// under another name. The others are logged at INFO.
	own bool
}

var harakaHooks = []harakaHook{
	{"sender", Mail, 550, 450, "", "", true}, // "sender <...> denied"
	{"recipient", Rcpt, 550, 450, "", "", true},
	{"message", EndOfData, 550, 450, "Message denied", "Message denied temporarily", true},
	{"queue", EndOfData, 550, 450, "", "", true}, // always with words
	{"lookup_rdns", Connect, 554, 421, "rDNS Lookup Failed", "rDNS Temporary Failure", false},
	{"connect", Connect, 554, 421, "Your mail is not welcome here", "Come back later", false},
	{"helo", Ehlo, 550, 450, "HELO denied", "HELO denied", false},
	{"ehlo", Ehlo, 550, 450, "EHLO denied", "EHLO denied", false},
	{"vrfy", Vrfy, 550, 450, "Access Denied", "Lookup Failed", false},
	{"noop", OtherCommand, 500, 0, "Stop wasting my time", "", false},
	{"data", Data, 554, 451, "Message denied", "Message denied", false},
	{harakaUnrecognized, OtherCommand, 500, 500, "Unrecognized command", "Unrecognized command", false},
	{"max_data_exceeded", EndOfData, 550, 450, "Message too big!", "Message too big!", false},
}

const harakaUnrecognized = "unrecognized_command"

// harakaHookOf returns the hook of a name; nil if its refusal is no reply.
func harakaHookOf(name []byte, own bool) *harakaHook {
	for i := range harakaHooks {
		if h := &harakaHooks[i]; h.hook == string(name) && h.own == own {
			return h
		}
	}
	return nil
}

// A harakaVerdict is how a hook refused.
type harakaVerdict struct{ soft, disconnect bool }

// harakaVerdictOf reads a verdict; ok is false if it is no refusal.
func harakaVerdictOf(verdict []byte) (v harakaVerdict, ok bool) {
	switch string(verdict) {
	case "DENY":
		return harakaVerdict{}, true
	case "DENYDISCONNECT":
		return harakaVerdict{disconnect: true}, true
	case "DENYSOFT":
		return harakaVerdict{soft: true}, true
	case "DENYSOFTDISCONNECT":
		return harakaVerdict{soft: true, disconnect: true}, true
	}
	return harakaVerdict{}, false
}

// code returns the code of a refusal that the plugin gave no code; old is true of 2.8.14
// and earlier.
func (h *harakaHook) code(v harakaVerdict, old bool) Code {
	switch {
	case h.hook == harakaUnrecognized && v.disconnect && v.soft && !old:
		return 421
	case h.hook == harakaUnrecognized && v.soft:
		return h.soft
	case h.hook == harakaUnrecognized && v.disconnect:
		return 521
	case v.soft:
		return h.soft
	}
	return h.deny
}

// hook reads the verdict of a hook, or the server's line on it.
func (l *haraka) hook(name, verdict []byte) {
	v, ok := harakaVerdictOf(verdict)
	if !ok {
		return
	}
	word, _, _ := bytes.Cut(name, []byte(" "))
	h := harakaHookOf(word, len(l.text) > 0)
	if h == nil {
		return
	}
	words := l.attribute("msg")
	if words == nil {
		words = l.attribute("msg.reply")
	}
	if words == nil {
		return // the logger cut the line
	}
	r := harakaRefusal{Code: h.code(v, l.raw.form != nil), Command: h.command}
	switch {
	case r.Code == 0:
		return
	case h.hook == harakaUnrecognized:
		r.Command = commandOf(l.attribute("params"))
	case h.hook == "recipient" && !v.soft:
		l.session().Rejected++
	}
	if l.isList(words) {
		l.refuse(r, nil)
		return
	}
	if string(words) == "[object Object]" {
		l.refuse(harakaRefusal{Command: r.Command, Words: harakaObject}, nil)
		return
	}
	// A plugin sets another code by an object, whose text begins with an
	// enhanced code (haraka-dsn).
	if _, n := ParseEnhanced(words); n > 0 {
		r.Code = 0
	}
	if len(words) == 0 {
		words = l.denied(h, v, name)
	}
	r.Words = l.words(words)
	l.refuse(r, words)
}

// harakaObject stands for the hash of the words of an object with a code of its own, which
// the lines of 2.8.14 and earlier do not show (dsn.js).
const harakaObject hash = 1

// isList reports whether the words of a refusal are a list of lines. A hook
// without a line of the server's own logs a list as an object (plugins.js, sanitize).
func (l *haraka) isList(words []byte) bool {
	return l.inJSON && l.object.texts[harakaMsg] > 1 || bytes.HasPrefix(words, []byte(`{"0":"`))
}

// denied returns the words of a refusal that the plugin gave none.
func (l *haraka) denied(h *harakaHook, v harakaVerdict, name []byte) []byte {
	words := h.words
	if v.soft {
		words = h.softWords
	}
	start := len(l.decoded)
	if words != "" {
		l.decoded = append(l.decoded, words...)
	} else {
		l.decoded = append(append(l.decoded, name...), " denied"...)
	}
	return l.decoded[start:]
}
