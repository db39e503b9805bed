package pipeline

import (
	"fmt"
	"testing"
	"time"

	"smtp_reply_exporter/logparse"
)

// Parsers that were put to sleep between two lines of a session remember its first line.
func TestSleepingParsers(t *testing.T) {
	const smtpd = "Nov 23 14:16:22 mx1 postfix/submission/smtpd[77]: "
	in := &input{parsers: map[string]*parser{}, newParser: logparse.NewParser}
	now := time.Now()
	const paths = 3 * maxParsers
	parse := func(i int, line string) *logparse.Result {
		r := in.parser(fmt.Sprint(i), now).Parse([]byte(smtpd + line))
		return &r
	}
	for i := range paths {
		parse(i, "connect from laptop.example[203.0.113.9]")
		parse(i, "5C65B9A5D67: client=laptop.example[203.0.113.9], sasl_method=PLAIN, sasl_username=anna")
	}
	if len(in.awake) != maxParsers {
		t.Errorf("%d parsers are awake, want %d", len(in.awake), maxParsers)
	}
	for i := range paths {
		r := parse(i, "disconnect from laptop.example[203.0.113.9] ehlo=2 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=7")
		authenticated := false
		for _, e := range r.Events {
			authenticated = authenticated || e.Authenticated
		}
		if !authenticated {
			t.Fatalf("path %d: its login is forgotten: %+v", i, r.Events)
		}
	}
	in.prune(now.Add(2 * parserIdle))
	if len(in.parsers)+len(in.awake) != 0 {
		t.Errorf("%d parsers are left, %d awake", len(in.parsers), len(in.awake))
	}
}
