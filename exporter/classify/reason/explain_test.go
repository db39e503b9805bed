package reason

import (
	"slices"
	"testing"

	"smtp_reply_exporter/logparse"
)

// Explain gives the reason that Reason gives, for each labelled reply.
func TestExplainAgrees(t *testing.T) {
	c, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range labelled(t) {
		j := c.Explain(&r.Reply)
		if want := c.Reason(&r.Reply); j.Reason != want {
			t.Errorf("testdata/replies.tsv:%d: explained as %s, not %s", r.line, j.Reason, want)
		}
		if (j.Rule == "") != (j.Reason == Other) {
			t.Errorf("testdata/replies.tsv:%d: rule %q for %s", r.line, j.Rule, j.Reason)
		}
	}
}

func TestExplain(t *testing.T) {
	c, err := New([]Rule{{"greylisted", "patience"}, {"policy", "house +rule"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		reply Reply
		want  Judgement
	}{
		{"positive", Reply{Code: 250, Text: []byte("250 house rule")}, Judgement{Reason: OK}},
		{"custom rule", Reply{Code: 550, Text: []byte("550 our HOUSE  rule 7")}, Judgement{Reason: "policy", Rule: "reasons[1] of the configuration", Words: []string{"HOUSE  rule"}}},
		{"phrase", Reply{Code: 450, Text: []byte("450 4.7.1 the outgoing contingent of your account is gone")}, Judgement{Reason: "rate_limited", Rule: "3-phrases.tsv", Words: []string{"outgoing", "contingent"}}},
		{"pair", Reply{Code: 450, Text: []byte("450 the sender's email domain is unknown")}, Judgement{Reason: "sender_rejected", Rule: "3-phrases.tsv", Words: []string{"sender's email domain", "unknown"}}},
		{"pattern", Reply{Code: 554, Text: []byte("554 Relaying denied")}, Judgement{Reason: "relay_denied", Rule: "2-texts.tsv", Words: []string{"relaying denied"}}},
		{"codes", Reply{Code: 452, Text: []byte("452 4.2.2")}, Judgement{Reason: "mailbox_full", Rule: "5-codes.tsv"}},
		{"circumstance", Reply{Direction: logparse.Received, Code: 550, Command: logparse.Mail, Text: []byte("550 domain not found")}, Judgement{Reason: "sender_rejected", Rule: "3-phrases.tsv", Words: []string{"in reply to MAIL", "domain", "not found"}}},
		{"nothing", Reply{Code: 550, Text: []byte("550 hm")}, Judgement{Reason: Other}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := c.Explain(&tt.reply)
			if got.Reason != tt.want.Reason || got.Rule != tt.want.Rule || !slices.Equal(got.Words, tt.want.Words) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestConceptErrors(t *testing.T) {
	for _, tt := range []struct{ name, words, want string }{
		{"capital", "Quota", `word "Quota": write plain small letters, as texts are folded to`},
		{"endless", "quota.+", `word "quota.+": (?-s:.+) has no end`},
		{"within", `a\w*b`, `word "a\\w*b": [0-9A-Z_a-z]* stands within a word`},
		{"short", "a", `word "a" of "a" is too short`},
		{"regexp", "a(", "error parsing regexp: missing closing ): `a(`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := newConcepts().define("x", tt.words); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
	c := newConcepts()
	if err := c.define("fruit", "apples?|pears"); err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		"fruit nuts": `unknown concept "nuts"; define its words above`,
		"!fruit":     `phrase "!fruit" asks for nothing`,
	} {
		if _, err := c.compile(s); err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}
