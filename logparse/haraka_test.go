package logparse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// TestHarakaDialogue tests that each reply in a logged dialogue counts once,
// whatever other lines show it. It expects as many replies as last lines of one.
func TestHarakaDialogue(t *testing.T) {
	log := readCorpus(t, "haraka/coverage-protocol-default.log")
	want, got := map[wire]int{}, map[wire]int{}
	for _, line := range lines(log) {
		_, message, _ := bytes.Cut(line, []byte(" "))
		if !bytes.HasPrefix(message, []byte("[PROTOCOL] ")) {
			continue
		}
		for origin, direction := range map[string]string{"[core] S: ": "sent", "[outbound] S: ": "received"} {
			_, text, ok := bytes.Cut(message, []byte(origin))
			if code, _, isReply := logparse.ParseReply(text); ok && isReply && text[3] == ' ' {
				want[wire{direction, code}]++
			}
		}
	}
	parseLog(log, func(_ int, e *logparse.Event) {
		if e.Kind == logparse.Reply && !e.Repeat {
			got[wire{e.Direction.String(), e.Code}] += e.Count
		}
	})
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(wire{})); diff != "" {
		t.Errorf("(-logged +counted):\n%s", diff)
	}
}

// TestHarakaRefusalsOfManySessions tests that the refusal of each session counts once,
// also where there are more sessions at a time than are remembered, whether they end or
// not.
func TestHarakaRefusalsOfManySessions(t *testing.T) {
	p := logparse.NewParser()
	counted, atEnd := 0, 0
	parse := func(n int, format string) {
		r := p.Parse(fmt.Appendf(nil, format, fmt.Sprintf("%08X-5C11-4A37-9D0E-3C5D1F6A7B80", n)))
		for i := range r.Events {
			e := &r.Events[i]
			if e.Repeat {
				continue
			}
			counted += e.Count
			if e.Code != 550 || string(e.Addr) != "192.0.2.7" || e.Command != logparse.Rcpt {
				t.Errorf("%s", showEvent(e))
			}
		}
	}
	const sessions = 5000
	for n := range sessions {
		parse(n, "[NOTICE] [%s] [core] connect ip=192.0.2.7 port=34274 local_ip=192.0.2.1 local_port=25")
		parse(n, `[NOTICE] [%s.1] [core] recipient <a@dest.example> code=DENY msg="no such user" sender=b@src.example`)
	}
	if counted < sessions-4096 || counted >= sessions {
		t.Errorf("%d refusals of %d sessions without an end", counted, sessions)
	}
	atEnd = counted
	for n := range sessions {
		parse(n, `[NOTICE] [%s] [core] disconnect ip=192.0.2.7 rdns=mail.src.example helo=x relay=N early=N esmtp=Y tls=N pipe=N errors=0 txns=1 rcpts=0/0/1 msgs=0/0/0 bytes=0 lr="550 no such user" time=0.2`)
	}
	if counted != sessions {
		t.Errorf("%d refusals of %d sessions, %d before the first end", counted, sessions, atEnd)
	}
	for n := range 20000 {
		parse(1<<20+n, "[NOTICE] [%s] [core] connect ip=192.0.2.7 port=34274 local_ip=192.0.2.1 local_port=25")
		parse(1<<20+n, `[NOTICE] [%s.1] [core] recipient <a@dest.example> code=DENY msg="no such user" sender=b@src.example`)
	}
	if counted -= sessions; counted < 20000-4096 {
		t.Errorf("%d refusals of 20000 sessions that never end", counted)
	}
}

// TestHarakaForms tests that a log yields the same events in each form of config/log.ini.
func TestHarakaForms(t *testing.T) {
	attribute := regexp.MustCompile(`([^=]+)=("(?:[^"\\]|\\.)*"|[^ ]*) ?`)
	unescape := strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\r`, "\r", `\n`, "\n")
	log := readCorpus(t, "haraka/coverage-notice-logfmt.log")
	parsers := []*logparse.Parser{logparse.NewParser(), logparse.NewParser(), logparse.NewParser()}
	withReply := 0
	for _, line := range lines(log) {
		stamp, rest, ok := strings.Cut(string(line), " ")
		if !ok || !strings.HasPrefix(rest, "level=") {
			continue
		}
		var header [4]string
		var attributes, object strings.Builder
		for i, m := range attribute.FindAllStringSubmatch(rest, -1) {
			value := m[2]
			if strings.HasPrefix(value, `"`) {
				value = unescape.Replace(value[1 : len(value)-1])
			}
			if i < len(header) {
				header[i] = value
			} else {
				attributes.WriteString(strings.TrimSuffix(m[0], " ") + " ")
			}
			member, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			object.WriteString(`,"` + m[1] + `":` + string(member))
		}
		message := strings.NewReplacer("\r", " ", "\n", " ").Replace(header[3])
		if attributes.Len() > 0 {
			message += " " + strings.TrimSuffix(attributes.String(), " ")
		}
		forms := []string{
			string(line),
			stamp + " [" + header[0] + "] [" + header[1] + "] [" + header[2] + "] " + message,
			stamp + " {" + object.String()[1:] + "}",
		}
		var results [3]string
		for i, p := range parsers {
			results[i] = showResult(p.Parse([]byte(forms[i])))
		}
		if results[0] != results[1] || results[0] != results[2] {
			t.Fatalf("%s\n%s%s\n%s%s\n%s", forms[0], results[0], forms[1], results[1], forms[2], results[2])
		}
		if strings.HasPrefix(results[0], "reply") {
			withReply++
		}
	}
	if withReply < 300 {
		t.Errorf("%d lines have replies", withReply)
	}
}

// TestHarakaDeliveries tests that each recipient sent to a server ends one delivery,
// unless the connection was lost.
func TestHarakaDeliveries(t *testing.T) {
	p := logparse.NewParser()
	open, ended := map[string]int{}, 0
	for i, line := range lines(readCorpus(t, "haraka/coverage-protocol-default.log")) {
		r := p.Parse(line)
		_, rest, _ := bytes.Cut(r.Envelope.Message, []byte("] ["))
		id, text, ok := strings.Cut(string(rest), "] [outbound] ")
		if !ok {
			continue
		}
		switch {
		case strings.HasPrefix(text, "C: MAIL"):
			if open[id] > 0 {
				t.Errorf("line %d: %d recipients without an end", i+1, open[id])
			}
		case strings.HasPrefix(text, "C: RCPT"):
			open[id]++
		case strings.HasPrefix(text, "Remote end"), strings.HasPrefix(text, "Ongoing connection"):
			open[id] = 0
		}
		for j := range r.Events {
			e := &r.Events[j]
			if e.Command == logparse.Rcpt || e.Command == logparse.Data || e.Command == logparse.EndOfData {
				open[id] -= e.Deliveries
				ended += e.Deliveries
			}
			if open[id] < 0 {
				t.Errorf("line %d: a recipient's second end", i+1)
			}
		}
	}
	if ended < 400 {
		t.Errorf("%d deliveries", ended)
	}
}
