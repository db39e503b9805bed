package logparse_test

import (
	"testing"

	"smtp_reply_exporter/logparse"
)

// TestProgramOfSender tests that lines name the source of an attempt, where the MTA has
// several.
func TestProgramOfSender(t *testing.T) {
	const pmta = "d,2026-11-23 14:18:21+0100,bob@dest.example,smtp;250 2.0.0 Ok,mx.dest.example (192.0.2.10)"
	for _, test := range []struct{ name, header, line, want string }{
		{
			"source", "", `{"type":"Delivery","id":"1","sender":"","response":{"code":250,"content":"Ok","command":"."},"egress_pool":"pool0","egress_source":"source2"}`,
			"kumod/source2",
		},
		{
			"pool", "", `{"egress_pool": "pool0", "id": "1", "response": {"code": 250, "content": "Ok"}, "egress_source": null, "type": "Delivery"}`,
			"kumod/pool0",
		},
		{"neither", "", `{"type":"Reception","id":"1","sender":"","reception_protocol":"ESMTP"}`, "kumod"},
		{"vmta", "type,timeLogged,rcpt,dsnDiag,dsnMta,vmta,vmtaPool", pmta + ",vmta1,pool1", "pmta/vmta1"},
		{"pool of vmtas", "type,timeLogged,rcpt,dsnDiag,dsnMta,vmta,vmtaPool", pmta + ",,pool1", "pmta/pool1"},
		{"no vmta", "type,timeLogged,rcpt,dsnDiag,dsnMta", pmta, "pmta"},
		{
			"default columns", "",
			"t,2026-11-23 14:18:21+0100,2026-11-23 14:18:20+0100,ann@src.example,bob@dest.example,,delayed,4.7.1 (no),smtp;451 4.7.1 no," +
				"mx.dest.example (192.0.2.10),,smtp,app.src.example (192.0.2.2),smtp,192.0.2.1,192.0.2.10,,1234,vmta1,spring,,dest.example/vmta1",
			"pmta/vmta1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := logparse.NewParser()
			if test.header != "" {
				p.Parse([]byte(test.header))
			}
			if r := p.Parse([]byte(test.line)); string(r.Program) != test.want || r.Outcome != logparse.Understood {
				t.Errorf("%q, %v, want %q", r.Program, r.Outcome, test.want)
			}
		})
	}
}
