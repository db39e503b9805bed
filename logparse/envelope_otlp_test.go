package logparse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtp_reply_exporter/logparse"
)

const otlpRefusal = `NOQUEUE: reject: RCPT from pc[192.0.2.7]: 451 4.7.1 later; from=<a@src.example> to=<b@dest.example> proto=ESMTP helo=<pc>`

// recordsOf returns the envelope and the codes of each record of a line.
func recordsOf(p *logparse.Parser, line string) (all []string) {
	for r, more := p.Parse([]byte(line)), true; more; r, more = p.Next() {
		got := fmt.Sprintf("%s %s[%s]", r.Envelope.Host, r.Program, r.Envelope.PID)
		for _, e := range r.Events {
			got += " " + e.Code.String()
		}
		all = append(all, got)
	}
	return all
}

func TestBatch(t *testing.T) {
	whole := `{"timeUnixNano":"1795443383000000000","body":{"stringValue":"Nov 23 14:16:23 mx1 postfix/smtpd[699]: ` + otlpRefusal + `"}}`
	parsed := `{"attributes":[{"key":"proc_id","value":{"intValue":"7"}},{"key":"appname","value":{"stringValue":"postfix/smtpd"}},` +
		`{"key":"message","value":{"stringValue":"` + otlpRefusal + `"}}],"body":{"stringValue":"<22>raw"},"timeUnixNano":"0","observedTimeUnixNano":"1795443383000000000"}`
	journal := `{"body":{"kvlistValue":{"values":[{"key":"MESSAGE","value":{"stringValue":"` + otlpRefusal + `"}},{"key":"SYSLOG_IDENTIFIER","value":{"stringValue":"postfix/smtpd"}},{"key":"_PID","value":{"stringValue":"8"}}]}}}`
	// A name in a value leads nowhere.
	hostile := `{"body":{"stringValue":"\"logRecords\":[{\"body\":{\"stringValue\":\"postfix/smtpd[1]: ` + otlpRefusal + `\"}}]"},"attributes":[{"key":"appname","value":{"stringValue":"policyd"}}]}`
	resource := `"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"node1"}}]}`
	scope := func(records ...string) string {
		return `{"scope":{},"logRecords":[` + strings.Join(records, ",") + `]}`
	}
	for _, test := range []struct {
		name, line string
		want       []string
	}{
		{"one", `{"resourceLogs":[{"scopeLogs":[` + scope(whole) + `]}]}`, []string{"mx1 postfix/smtpd[699] 451"}},
		{
			"several", `{"resourceLogs":[{` + resource + `,"scopeLogs":[` + scope(parsed, whole) + `,` + scope(journal) + `]},{"scopeLogs":[` + scope(hostile) + `]}]}`,
			[]string{"node1 postfix/smtpd[7] 451", "mx1 postfix/smtpd[699] 451", "node1 postfix/smtpd[8] 451", " policyd[]"},
		},
		{
			"a resource behind its records", `{"resourceLogs":[{"scopeLogs":[` + scope(parsed, journal) + `],` + resource + `},{"scopeLogs":[` + scope(parsed) + `]}]}`,
			[]string{"node1 postfix/smtpd[7] 451", "node1 postfix/smtpd[8] 451", " postfix/smtpd[7] 451"},
		},
		{"none", `{"resourceLogs":[]}`, []string{" []"}},
		{"a record that is none", `{"resourceLogs":[{"scopeLogs":[` + scope(`{"body":7}`, whole) + `]}]}`, []string{" []", "mx1 postfix/smtpd[699] 451"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := logparse.NewParser()
			if got := recordsOf(p, test.line); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := recordsOf(p, "mx1 nginx[1]: x"); len(got) != 1 {
				t.Errorf("a line after a batch has %d records", len(got))
			}
			if n := testing.AllocsPerRun(10, func() {
				for _, more := p.Parse([]byte(test.line)), true; more; _, more = p.Next() {
				}
			}); n > 1 { // the conversion
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// TestObjectsWithoutLineEnds tests that the lines of a shipper that writes Docker's objects
// without line ends are not taken for parts of one message for ever.
func TestObjectsWithoutLineEnds(t *testing.T) {
	p := logparse.NewParser()
	n := 0
	for i := range 1000 {
		line := fmt.Sprintf(`{"log":"Nov 23 14:16:23 mx1 postfix/smtpd[%d]: %s","stream":"stdout","time":"2026-11-23T14:16:23Z"}`, i, otlpRefusal)
		for _, got := range recordsOf(p, line) {
			if strings.HasSuffix(got, fmt.Sprintf("mx1 postfix/smtpd[%d] 451", n)) {
				n++
			}
		}
	}
	if n != 1000 {
		t.Errorf("%d lines counted, in order", n)
	}
}
