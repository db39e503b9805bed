package reason

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"smtp_reply_exporter/exporter/classify/provider"
	"smtp_reply_exporter/logparse"
)

// TestRules tests that every rule, and no other, decides its example.
func TestRules(t *testing.T) {
	set := builtin()
	s := new(scratch)
	for i := range set.rules {
		r := &set.rules[i]
		reply := Reply{Direction: logparse.Received}
		if r.phrase != nil {
			switch r.phrase.needs[0] {
			case conceptSet{1 << toConnect}:
				reply.Command = logparse.Connect
			case conceptSet{1 << toMail}:
				reply.Command = logparse.Mail
			case conceptSet{1 << toContent}:
				reply.Command = logparse.EndOfData
			case conceptSet{1 << fromPostscreen}:
				reply.Program = []byte("postfix/postscreen")
			}
		}
		if len(r.directions) > 0 {
			reply.Direction = r.directions[0]
		}
		if len(r.providers) > 0 {
			reply.Provider = r.providers[0]
		}
		var ok bool
		reply.Code, reply.Enhanced, ok = logparse.ParseReply([]byte(r.example))
		if !ok {
			t.Errorf("%s: example %q does not begin with a reply code", r.source, r.example)
			continue
		}
		if by := set.decide(&reply, []byte(r.example), s); by != r {
			var source string
			if by != nil {
				source = by.source
			}
			t.Errorf("%s: example %q gets %q from %s", r.source, r.example, by.name(), source)
		}
	}
}

type labelledReply struct {
	Reply
	want string
	line int
}

// labelled reads testdata/replies.tsv: direction, code, enhanced code, remote
// host, text (\n for a new line), reason.
func labelled(tb testing.TB) []labelledReply {
	tb.Helper()
	data, err := os.ReadFile("testdata/replies.tsv")
	if err != nil {
		tb.Fatal(err)
	}
	providers, err := provider.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	var replies []labelledReply
	line := 0
	for row := range strings.Lines(string(data)) {
		line++
		if row[0] == '#' {
			continue
		}
		f := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
		if len(f) != 6 {
			tb.Fatalf("testdata/replies.tsv:%d: %d columns, want 6", line, len(f))
		}
		r := labelledReply{Reply: Reply{Text: []byte(strings.ReplaceAll(f[4], `\n`, "\n"))}, want: f[5], line: line}
		if f[0] == "received" {
			r.Direction = logparse.Received
		}
		code, err := strconv.Atoi(f[1])
		if err != nil {
			tb.Fatalf("testdata/replies.tsv:%d: %v", line, err)
		}
		r.Code = logparse.Code(code)
		r.Enhanced, _ = logparse.ParseEnhanced([]byte(f[2]))
		r.Provider = providers.Of([]byte(f[3]))
		replies = append(replies, r)
	}
	return replies
}

// TestReplies tests every row of the labelled replies.
func TestReplies(t *testing.T) {
	c, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range labelled(t) {
		if got := c.Reason(&r.Reply); got != r.want {
			t.Errorf("testdata/replies.tsv:%d: got %s, want %s: %s", r.line, got, r.want, r.Text)
		}
	}
}

// TestIndependent tests the replies that may have more than one reason.
func TestIndependent(t *testing.T) {
	c, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"testdata/independent.tsv", "testdata/families.tsv"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			fields := strings.Split(line, "\t")
			dir, reply, right := logparse.Received, []byte(fields[1]), fields[2:]
			if fields[0] == logparse.Sent.String() {
				dir = logparse.Sent
			}
			code, enhanced, ok := logparse.ParseReply(reply)
			if got := c.Reason(&Reply{Direction: dir, Code: code, Enhanced: enhanced, Text: reply}); !ok || !slices.Contains(right, got) {
				t.Errorf("%s:%d: got %s, want one of %s: %s", file, i+1, got, right, reply)
			}
		}
	}
}

func TestReason(t *testing.T) {
	c, err := New([]Rule{{Reason: "policy", Pattern: `our\.house\.example`}, {Reason: "greylisted", Pattern: "PATIENCE|more 451"}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		dir      logparse.Direction
		code     logparse.Code
		provider string
		text     string
		want     string
	}{
		{"2xx", logparse.Sent, 250, "", "250 2.0.0 virus", OK},
		{"3xx", logparse.Sent, 354, "", "354 PATIENCE", OK},
		{"custom rule first", logparse.Sent, 552, "", "552 5.2.2 Over quota, see our.house.example", "policy"},
		{"custom rule over a line's end", logparse.Sent, 451, "", "451-need more\n451 patience", "greylisted"},
		{"custom rule without regard to case", logparse.Sent, 451, "", "451 patience, please", "greylisted"},
		{"no code, words", logparse.Sent, 0, "", "Relay access denied", "relay_denied"},
		{"no code, no words", logparse.Sent, 0, "", "", Other},
		{"provider", logparse.Received, 550, "tencent", "550 Connection denied", "blocklist"},
		{"provider of a reply that we sent", logparse.Sent, 550, "tencent", "550 Connection denied", "policy"},
		{"no provider", logparse.Received, 550, "", "550 Connection denied", "policy"},
		{"address in <> is no evidence", logparse.Sent, 550, "", "550 5.1.1 <virus@spam.example>: Recipient address rejected: User unknown", "unknown_user"},
		{"host name is no evidence", logparse.Received, 550, "", "550 smtp.spamexperts.example: user unknown", "unknown_user"},
		{"host name is no word of a phrase", logparse.Sent, 450, "", "450 4.7.1 <mx.antispam-greylist.example[192.0.2.1]>: Client host rejected: message not wanted", "policy"},
		{"bare host name is no word of a phrase", logparse.Received, 452, "", "452 antispam.virus.kontingent.example says: message not wanted", "policy"},
		{"list's name is evidence", logparse.Received, 550, "", "550 see https://www.spamhaus.org/query/ip/192.0.2.1", "blocklist"},
		{"behind 512 bytes", logparse.Sent, 599, "", "599 " + strings.Repeat("a ", 260) + "virus", Other},
		{"verification takes the quoted reason", logparse.Sent, 450, "", "450 4.1.1 <u@x.example>: Recipient address rejected: unverified address: host mx.x.example[192.0.2.1] said: 452 4.2.2 Mailbox full (in reply to RCPT TO command)", "mailbox_full"},
		{"verification of a sender who is unknown", logparse.Sent, 450, "", "450 4.1.7 <u@x.example>: Sender address rejected: undeliverable address: host mx.x.example[192.0.2.1] said: 550 5.1.1 User unknown", "sender_rejected"},
		{"verification of a sender by a server that lists us", logparse.Sent, 450, "", "450 4.1.7 <u@x.example>: Sender address rejected: unverified address: host mx.x.example[192.0.2.1] said: 554 5.7.1 Client host blocked using zen.spamhaus.org", "blocklist"},
		{"Exim's callout", logparse.Sent, 550, "", "550-Callout verification failed:\n550 5.1.1 no such user", "unknown_user"},
		{"address like a custom rule", logparse.Sent, 550, "", `550 5.1.1 <"our.house.example"@x.example>: Recipient address rejected: User unknown`, "unknown_user"},
		{"address like a quoted reply", logparse.Sent, 554, "", `554 5.7.1 <"unverified address: host x said: 552 5.2.2 full"@x.example>: Relay access denied`, "relay_denied"},
		{"address like an enhanced code", logparse.Received, 553, "", `553 sorry, relaying denied to <"(#5.2.2)"@x.example>`, "relay_denied"},
		{"address that does not end", logparse.Sent, 550, "", `550 5.1.1 User unknown: <"mailbox full, greylisted`, "unknown_user"},
		{"address of more than 512 bytes", logparse.Sent, 550, "", `550 <"` + strings.Repeat("a ", 300) + `"@x.example>: User unknown`, "unknown_user"},
		{"greylisting in angle brackets", logparse.Received, 451, "", "451 4.7.1 <Greylisted: try again>", "greylisted"},
		{"forged quote", logparse.Sent, 550, "", "550 5.7.1 <said: 552 5.2.2 full>: Client host rejected: Access denied", "policy"},
		{"enhanced code at the end", logparse.Received, 553, "", "553 sorry (#5.1.8)", "sender_rejected"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.Reason(&Reply{Direction: tt.dir, Code: tt.code, Provider: tt.provider, Text: []byte(tt.text)}); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestCircumstances tests what a reply answers, and which program says it.
func TestCircumstances(t *testing.T) {
	c, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		reply Reply
		text  string
		want  string
	}{
		{Reply{Direction: logparse.Received, Code: 553, Command: logparse.Mail}, "553 <ann@src.example> unable to verify address", "sender_rejected"},
		{Reply{Direction: logparse.Received, Code: 550, Command: logparse.Mail}, "550 unknown domain", "sender_rejected"},
		{Reply{Direction: logparse.Received, Code: 550, Command: logparse.Rcpt}, "550 unknown domain", "bad_domain"},
		{Reply{Direction: logparse.Received, Code: 501, Command: logparse.Mail}, "501 bogus mail from", "sender_rejected"},
		{Reply{Direction: logparse.Received, Code: 452, Command: logparse.EndOfData}, "452 plugin timeout", "system_error"},
		{Reply{Direction: logparse.Received, Code: 421, Command: logparse.EndOfData}, "421 timeout exceeded", "network"},
		{Reply{Direction: logparse.Received, Code: 554, Command: logparse.Connect}, "554 no junk from you", "blocklist"},
		{Reply{Direction: logparse.Received, Code: 554, Command: logparse.EndOfData}, "554 no junk from you", "spam_content"},
		{Reply{Code: 450, Program: []byte("postfix/postscreen")}, "450 4.3.2 Service currently unavailable", "greylisted"},
		{Reply{Code: 450, Program: []byte("postfix/smtpd")}, "450 4.3.2 Service currently unavailable", "system_error"},
		{Reply{Direction: logparse.Received, Code: 450, Program: []byte("postfix/postscreen")}, "450 4.3.2 Service currently unavailable", "system_error"},
		{Reply{Direction: logparse.Received, Code: 421, Provider: "yahoo"}, "421 4.3.2 Resources unavailable for now", "rate_limited"},
		{Reply{Direction: logparse.Received, Code: 554, Provider: "gmx"}, `554-gmx.example (mx1) Nemesis ESMTP Service not available\n554-No SMTP service\n554 invalid DNS PTR resource record`, "dns"},
	} {
		tt.reply.Text = []byte(tt.text)
		if got := c.Reason(&tt.reply); got != tt.want {
			t.Errorf("got %s, want %s: %s", got, tt.want, tt.text)
		}
	}
}

func TestNewErrors(t *testing.T) {
	tests := []struct {
		name string
		rule Rule
		want string
	}{
		{"reason", Rule{"spam", "x"}, `rule 1: reason: "spam" is not one of ` + strings.Join(Names(), ", ")},
		{"no reason", Rule{"", "x"}, "rule 1: reason: missing; name the reason that the pattern stands for"},
		{"empty", Rule{"policy", ""}, "rule 1: pattern: missing; write the regular expression that the reply's text matches"},
		{"regexp", Rule{"policy", "a(b"}, "rule 1: pattern: `a(b` is not a regular expression: missing closing ) at `a(b`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New([]Rule{{"policy", "fine"}, tt.rule})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestParseRuleErrors(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"columns", "policy\t-\t-\tx", "4 columns, want 6: reason, from, code, enhanced, pattern, example"},
		{"reason", "spam\t-\t-\t-\tx\t550 x", `unknown reason "spam"`},
		{"from", "policy\thotmail\t-\t-\tx\t550 x", `unknown provider "hotmail"`},
		{"code", "policy\t-\t250\t-\tx\t550 x", `bad code "250"`},
		{"enhanced", "policy\t-\t-\t2.0.0\tx\t550 x", `bad enhanced code "2.0.0"`},
		{"regexp", "policy\t-\t-\t-\ta(b\t550 x", "error parsing regexp: missing closing ): `a(b`"},
		{"mark", "policy\t-\t-\t-\tvoll|überfüllt\t550 x", `pattern "überfüllt": capital letters, marks and Cyrillic never match, since texts are folded to plain letters`},
		{"capital", "policy\t-\t-\t-\tSpam\t550 x", `pattern "Spam": capital letters, marks and Cyrillic never match, since texts are folded to plain letters`},
		{"no literal", "policy\t-\t-\t-\tspam|.*\t550 x", `pattern ".*": needs 2 letters that always stand together`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parseRule(tt.line, newConcepts()); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestWordLists(t *testing.T) {
	lists := wordLists{"{full}": "(?:full|voll)"}
	if got, err := lists.expand(`box.{0,9}{full}`); got != `box.{0,9}(?:full|voll)` || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := lists.expand(`{fulll}|{full}`); err == nil || err.Error() != "unknown list of words {fulll}; define it in a line above" {
		t.Errorf("got error %v", err)
	}
}

// TestConcurrent shares one Classifier among goroutines.
func TestConcurrent(t *testing.T) {
	c, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	replies := labelled(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, r := range replies {
				if got := c.Reason(&r.Reply); got != r.want {
					t.Errorf("got %s, want %s: %s", got, r.want, r.Text)
				}
			}
		})
	}
	wg.Wait()
}

// TestAutomaton compares the search for literals with the patterns alone.
func TestAutomaton(t *testing.T) {
	set := builtin()
	s := &scratch{sets: newBitset(set.sets)}
	patterns := compileAlone(set.rules)
	for i, r := range labelled(t) {
		if i%16 != 0 {
			continue // matching every pattern is slow
		}
		folded := fold(s.text[:0], r.Text[:min(len(r.Text), maxText)], r.Code)
		clear(s.sets)
		set.literals.mark(folded, s.sets)
		for i := range set.rules {
			if patterns[i] == nil {
				continue
			}
			if got, want := set.rules[i].matches(folded, s.sets, nil), patterns[i].Match(folded); got != want {
				t.Errorf("%s: got %v, want %v: %s", set.rules[i].source, got, want, folded)
			}
		}
	}
}

func compileAlone(rules []rule) []*regexp.Regexp {
	patterns := make([]*regexp.Regexp, len(rules))
	for i, r := range rules {
		if r.pattern != nil {
			patterns[i] = regexp.MustCompile(r.pattern.expr)
		}
	}
	return patterns
}

func FuzzReason(f *testing.F) {
	c, err := New([]Rule{{"policy", "house rule"}})
	if err != nil {
		f.Fatal(err)
	}
	providers := provider.Names()
	for _, r := range labelled(f) {
		f.Add(r.Direction == logparse.Received, uint16(r.Code), r.Enhanced.Class, r.Enhanced.Subject, r.Enhanced.Detail, slices.Index(providers, r.Provider), r.Text)
	}
	f.Fuzz(func(t *testing.T, received bool, code uint16, class uint8, subject, detail uint16, p int, text []byte) {
		dir := logparse.Sent
		if received {
			dir = logparse.Received
		}
		var label string
		if 0 <= p && p < len(providers) {
			label = providers[p]
		}
		enhanced := logparse.EnhancedCode{Class: class, Subject: subject, Detail: detail}
		r := Reply{Direction: dir, Code: logparse.Code(code), Enhanced: enhanced, Provider: label, Text: text}
		got := c.Reason(&r)
		if !slices.Contains(names, got) {
			t.Errorf("unknown reason %q", got)
		}
		if again := c.Reason(&r); again != got {
			t.Errorf("got %s, then %s", got, again)
		}
	})
}
