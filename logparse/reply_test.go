package logparse_test

import (
	"testing"

	"smtp_reply_exporter/logparse"
)

var replyTests = []struct {
	name, text string
	code       logparse.Code
	enhanced   string
}{
	{"enhanced code", "451 4.7.1 Try again later", 451, "4.7.1"},
	{"none", "451 Try again later", 451, ""},
	{"only the codes", "451 4.7.1", 451, "4.7.1"},
	{"only the code", "250", 250, ""},
	{"code and blank", "250 ", 250, ""},
	{"behind a number sign", "554 #5.7.1 refused", 554, "5.7.1"},
	{"three digits each", "451 4.700.500 busy", 451, "4.700.500"},
	{"another class", "452 5.2.2 full", 452, "5.2.2"},
	{"colon behind", "550 5.1.1: no", 550, "5.1.1"},
	{"dot behind", "550 5.1.1. no", 550, "5.1.1"},
	{"several lines", "550-5.1.1 no such user 550 5.1.1 here", 550, "5.1.1"},
	{"several lines, codes differ", "550-5.1.1 no such user 550 5.7.1 go", 550, "5.7.1"},
	{"on the last line only", "554-mx.example 554 5.7.1 rejected", 554, "5.7.1"},
	{"on the first line only", "550-5.1.1 no such user 550 here", 550, "5.1.1"},
	{"line ends as logged by postscreen", "550-5.1.1 no??550 5.1.1 user", 550, "5.1.1"},
	{"the code within the text of one line", "550 see 550 5.1.1 of the list", 550, ""},
	{"a link, no line", "550-5.1.1 see https://dest.example/550 5.7.1", 550, "5.1.1"},
	{"an address behind the code", "550 5.1.1.1 is listed", 550, ""},
	{"four digits", "550 5.7.1000 no", 550, ""},
	{"class 3", "550 3.1.1 no", 550, ""},
	{"two numbers", "550 5.1 no", 550, ""},
	{"two blanks", "550  5.1.1 no", 550, ""},
	{"continuation only", "250-", 250, ""},
}

func TestParseReply(t *testing.T) {
	for _, test := range replyTests {
		t.Run(test.name, func(t *testing.T) {
			code, enhanced, ok := logparse.ParseReply([]byte(test.text))
			if !ok || code != test.code || enhanced.String() != test.enhanced {
				t.Errorf("ParseReply(%q) = %v, %q, %v", test.text, code, enhanced, ok)
			}
		})
	}
}

func TestParseReplyOfNone(t *testing.T) {
	for _, text := range []string{
		"", "2", "25", "2x0 ok", "25 0", "199 no", "600 no", "000", "2500 ok", "250ok", "250\tok", "250.", "-250 ok", " 250 ok", "４50 no",
	} {
		if code, enhanced, ok := logparse.ParseReply([]byte(text)); ok || code != 0 || enhanced.String() != "" {
			t.Errorf("ParseReply(%q) = %v, %v, %v", text, code, enhanced, ok)
		}
	}
}

func TestEnhancedCodeAppend(t *testing.T) {
	for _, text := range []string{"2.0.0", "4.7.500", "5.999.999"} {
		e, n := logparse.ParseEnhanced([]byte(text))
		if got := string(e.Append([]byte("> "))); n != len(text) || got != "> "+text {
			t.Errorf("%q reads as %q of %d bytes", text, got, n)
		}
	}
	if got := string(logparse.EnhancedCode{}.Append([]byte("> "))); got != "> " {
		t.Errorf("no code appends %q", got)
	}
}
