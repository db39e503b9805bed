package logparse_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

func newFormat(t testing.TB, expressions ...[2]string) *logparse.Format {
	t.Helper()
	f := logparse.NewFormat("house_mta")
	for _, e := range expressions {
		if err := f.Add(e[0], e[1]); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestFormat(t *testing.T) {
	for _, test := range []struct {
		name        string
		expressions [][2]string
		line, want  string
	}{
		{
			name: "all groups", expressions: [][2]string{{
				`^\S+ \S+ (?P<queue_id>\S+) (?P<direction>\w+) (?P<command>\w+) (?P<remote>\S+) ` +
					`(?P<code>\d{3}) (?P<enhanced_code>\S+) (?P<text>.*)`, "",
			}},
			line: "2026-11-23 14:16:23 A7 RECEIVED RCPT mx.dest.example[192.0.2.10] 451 4.7.1 come back",
			want: `reply received 451 4.7.1 deliveries=1 command=rcpt remote=mx.dest.example addr=192.0.2.10 id=A7 text="451 4.7.1 come back"`,
		},
		{
			name: "code only", expressions: [][2]string{{`answered (?P<code>\d+)`, "sent"}},
			line: "answered 550", want: `reply sent 550 text="550"`,
		},
		{
			name: "an enhanced code in the text", expressions: [][2]string{{`: (?P<code>\d{3}) (?P<text>.*)`, "sent"}},
			line: "x: 452 4.3.1 full", want: `reply sent 452 4.3.1 text="452 4.3.1 full"`,
		},
		{
			name: "dialogue", expressions: [][2]string{{`> (?P<code>\d{3}) to (?P<command>.*) of (?P<remote>.*)`, "sent"}},
			line: "> 250 to RCPT TO:<ann@dest.example> of 192.0.2.7", want: `reply sent 250 dialogue command=rcpt addr=192.0.2.7 text="250"`,
		},
		{
			name: "a delivery", expressions: [][2]string{{`(?P<code>\d{3}) from (?P<remote>.*)`, "received"}},
			line: "250 from mx.dest.example", want: `reply received 250 deliveries=1 remote=mx.dest.example text="250"`,
		},
		{
			name: "the first that matches", expressions: [][2]string{
				{`^in (?P<code>\d{3})`, "sent"}, {`(?P<code>\d{3})`, "received"},
			},
			line: "in 421 451", want: `reply sent 421 text="421"`,
		},
		{name: "another line", expressions: [][2]string{{`^in (?P<code>\d{3})`, "sent"}}, line: "out 421", want: "other"},
		{
			name: "no reply code", expressions: [][2]string{{`(?P<code>\d+)`, "sent"}},
			line: "1451", want: "not_understood format",
		},
		{
			name: "no direction", expressions: [][2]string{{`(?P<direction>\w+) (?P<code>\d{3})`, ""}},
			line: "inbound 451", want: "not_understood format",
		},
		{
			name: "a line of a container", expressions: [][2]string{{`^in (?P<code>\d{3})`, "sent"}},
			line: `{"log":"in 451\n","stream":"stdout","time":"2026-11-23T14:20:06.001575881Z"}`, want: `reply sent 451 text="451"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newFormat(t, test.expressions...).NewParser()
			r := p.Parse([]byte(test.line))
			if r.MTA != "house_mta" {
				t.Errorf("MTA %q", r.MTA)
			}
			if diff := cmp.Diff(test.want, strings.TrimSuffix(showResult(r), "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			state, err := p.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.UnmarshalBinary(state); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, strings.TrimSuffix(showResult(p.Parse([]byte(test.line))), "\n")); diff != "" {
				t.Errorf("after a restart (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFormatErrors(t *testing.T) {
	for _, test := range []struct{ name, expression, direction, want string }{
		{"syntax", `(?P<code>\d{3}`, "sent", "error parsing regexp: missing closing ): `(?P<code>\\d{3}`"},
		{
			"group", `(?P<code>\d{3}) (?P<host>.*)`, "sent",
			`group "host" is not one of code, enhanced_code, text, direction, remote, command, queue_id`,
		},
		{"no code", `(\d{3})`, "sent", "no group (?P<code>...) for the reply's three digits"},
		{"no direction", `(?P<code>\d{3})`, "", "the direction must stand either beside the expression or in a group (?P<direction>...)"},
		{
			"two directions", `(?P<direction>\w) (?P<code>\d{3})`, "sent",
			"the direction must stand either beside the expression or in a group (?P<direction>...)",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := logparse.NewFormat("x").Add(test.expression, test.direction)
			if diff := cmp.Diff(test.want, fmt.Sprint(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte("2026-11-23 14:16:23 A7 RECEIVED RCPT mx.dest.example[192.0.2.10] 451 4.7.1 come back"))
	format := newFormat(f, [2]string{
		`(?P<queue_id>\S*) (?P<direction>\w+) (?P<command>\w*) (?P<remote>\S*) (?P<code>\d+) (?P<enhanced_code>\S*) (?P<text>.*)`, "",
	})
	f.Fuzz(func(t *testing.T, line []byte) {
		r := format.NewParser().Parse(line)
		check(t, line, &r)
	})
}
