package logparse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"smtp_reply_exporter/logparse"
)

// eventsOf returns the events of a log, one on each line.
func eventsOf(log []byte) string {
	var b strings.Builder
	parseLog(log, func(line int, e *logparse.Event) { fmt.Fprintf(&b, "%d %s\n", line, showEvent(e)) })
	return b.String()
}

func TestParseIsDeterministic(t *testing.T) {
	for _, log := range []string{"postfix/hard-cases", "postfix/journal-json"} {
		t.Run(log, func(t *testing.T) {
			b := readCorpus(t, log+".log")
			if diff := cmp.Diff(eventsOf(b), eventsOf(b)); diff != "" {
				t.Errorf("the same log has other events (-first +second):\n%s", diff)
			}
		})
	}
}

// TestParseKeepsNothing tests that the caller may reuse a line's memory after Parse.
func TestParseKeepsNothing(t *testing.T) {
	b := readCorpus(t, "postfix/hard-cases.log")
	p := logparse.NewParser()
	var got strings.Builder
	buffer := make([]byte, 64<<10)
	for i, line := range lines(b) {
		r := p.Parse(buffer[:copy(buffer, line)])
		for j := range r.Events {
			fmt.Fprintf(&got, "%d %s\n", i+1, showEvent(&r.Events[j]))
		}
		clear(buffer)
	}
	if diff := cmp.Diff(eventsOf(b), got.String()); diff != "" {
		t.Errorf("(-own memory +shared memory):\n%s", diff)
	}
}

func TestEnvelopesTellTheSame(t *testing.T) {
	log := readCorpus(t, "postfix/syslog-traditional.log")
	want := eventsOf(log)
	for _, wrapper := range []struct {
		name string
		wrap func(line []byte, e *logparse.Envelope) []byte
	}{
		{"pri", func(line []byte, _ *logparse.Envelope) []byte { return fmt.Appendf(nil, "<22>%s", line) }},
		{"rfc3339", func(_ []byte, e *logparse.Envelope) []byte {
			return fmt.Appendf(nil, "2026-11-23T14:18:21.941485+00:00 %s %s[%s]: %s", e.Host, e.Program, e.PID, e.Message)
		}},
		{"rfc5424", func(_ []byte, e *logparse.Envelope) []byte {
			return fmt.Appendf(nil, "<22>1 2026-11-23T14:18:21Z %s %s %s - - %s", e.Host, e.Program, e.PID, e.Message)
		}},
		{"docker", func(line []byte, _ *logparse.Envelope) []byte {
			return asJSON(t, map[string]string{
				"log": string(line) + "\n", "stream": "stdout", "time": "2026-11-23T14:20:06.001575881Z",
			})
		}},
		{"cri", func(line []byte, _ *logparse.Envelope) []byte {
			return fmt.Appendf(nil, "2026-11-23T14:20:06.001575881Z stdout F %s", line)
		}},
		{"journal", func(_ []byte, e *logparse.Envelope) []byte {
			return asJSON(t, map[string]string{
				"_HOSTNAME": string(e.Host), "SYSLOG_IDENTIFIER": string(e.Program), "SYSLOG_PID": string(e.PID),
				"MESSAGE": string(e.Message), "__REALTIME_TIMESTAMP": "1795443606001575",
			})
		}},
	} {
		t.Run(wrapper.name, func(t *testing.T) {
			var wrapped bytes.Buffer
			p := logparse.NewParser()
			for _, line := range lines(log) {
				e := p.Parse(line).Envelope
				if len(e.PID) == 0 { // rsyslog's own lines
					wrapped.Write(line)
				} else {
					wrapped.Write(wrapper.wrap(line, &e))
				}
				wrapped.WriteByte('\n')
			}
			if diff := cmp.Diff(want, eventsOf(wrapped.Bytes())); diff != "" {
				t.Errorf("(-syslog +%s):\n%s", wrapper.name, diff)
			}
		})
	}
	t.Run("journalctl", func(t *testing.T) {
		want := eventsOf(readCorpus(t, "postfix/journal-json.log"))
		if diff := cmp.Diff(want, eventsOf(readCorpus(t, "postfix/journal-short-iso.log"))); diff != "" {
			t.Errorf("(-json +short-iso):\n%s", diff)
		}
	})
}

func asJSON(t *testing.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const deliveryLine = "Nov 23 14:16:23 mx1 postfix/smtp[%d]: 4BD8F1A2C3: to=<user%d@dest.example>, relay=mx.dest.example[192.0.2.10]:25, " +
	"delay=1, delays=0.1/0/0.2/0.3, dsn=4.7.500, status=deferred (host mx.dest.example[192.0.2.10] said: %s (in reply to %s command))"

// replies sums up the replies and deliveries of lines.
func replies(lines []string) (replies, deliveries int) {
	parseLog([]byte(strings.Join(lines, "\n")), func(_ int, e *logparse.Event) {
		deliveries += e.Deliveries
		if e.Kind == logparse.Reply && !e.Repeat {
			replies += e.Count
		}
	})
	return replies, deliveries
}

func TestRecipientsAndReplies(t *testing.T) {
	for _, test := range []struct {
		name                string
		recipients          int
		reply, command      string
		replies, deliveries int
	}{
		{"constant answer to each RCPT", 200, "451 4.7.500 Server busy", "RCPT TO", 200, 200},
		{"one answer at end of data", 50, "452 4.3.1 Insufficient system storage", "end of DATA", 1, 50},
		{"one answer to MAIL", 50, "451 4.7.1 Greylisted", "MAIL FROM", 1, 50},
		{"one answer to DATA", 50, "554 5.5.1 no valid recipients", "DATA", 1, 50},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log []string
			for i := range test.recipients {
				log = append(log, fmt.Sprintf(deliveryLine, 699, i, test.reply, test.command))
			}
			if r, d := replies(log); r != test.replies || d != test.deliveries {
				t.Errorf("%d replies and %d deliveries; want %d and %d", r, d, test.replies, test.deliveries)
			}
		})
	}
}

// Deliveries of several processes alternate in a log.
func TestRepeatsOfInterleavedProcesses(t *testing.T) {
	var log []string
	for i := range 50 {
		for pid := range 20 {
			log = append(log, fmt.Sprintf(deliveryLine, 700+pid, i, "452 4.3.1 full", "end of DATA"))
		}
	}
	if r, d := replies(log); r != 20 || d != 1000 {
		t.Errorf("%d replies and %d deliveries; want 20 and 1000", r, d)
	}
}

func TestLongLines(t *testing.T) {
	const size = 1 << 20
	filler := strings.Repeat("x", size)
	for _, test := range []struct {
		name, line string
		outcome    logparse.Outcome
	}{
		{"no line at all", filler, logparse.Foreign},
		{"blanks", strings.Repeat(" ", size), logparse.Foreign},
		{"colons", "Nov 23 14:16:23 mx1 rsyslogd: imuxsock" + strings.Repeat(": ", size/2), logparse.Foreign},
		{"text of a reply", fmt.Sprintf(deliveryLine, 1, 1, "451 "+filler, "DATA"), logparse.Understood},
		{"remarks in a reply", fmt.Sprintf(deliveryLine, 1, 1, "451 "+strings.Repeat(" (in reply to ", size/14), "DATA"), logparse.Understood},
		{"lines of a reply", fmt.Sprintf(deliveryLine, 1, 1, strings.Repeat("451-4 ", size/6), "DATA"), logparse.Understood},
		{"recipient", strings.Replace(fmt.Sprintf(deliveryLine, 1, 1, "451 x", "DATA"), "user1", `"`+filler+`"`, 1), logparse.Understood},
		{"recipient without end", "Nov 23 14:16:23 mx1 postfix/smtp[1]: 4BD8F1A2C3: to=<" + filler, logparse.NotUnderstood},
		{"sender", "Nov 23 14:16:23 mx1 postfix/smtpd[1]: NOQUEUE: reject: MAIL from a[192.0.2.7]: 550 5.7.1 x; from=<" + filler + ">", logparse.Understood},
		{"header", "Nov 23 14:16:23 mx1 postfix/cleanup[1]: 4BD8F1A2C3: reject: header " + strings.Repeat(": ", size/2), logparse.NotUnderstood},
		{"summary", "Nov 23 14:16:23 mx1 postfix/smtpd[1]: disconnect from a[192.0.2.7]" + strings.Repeat(" x=1", size/4), logparse.NotUnderstood},
		{"name", "Nov 23 14:16:23 mx1 postfix/smtpd[1]: NOQUEUE: reject: RCPT from " + filler + "[192.0.2.7]: 550 x", logparse.Understood},
		{"structured data", "<22>1 2026-11-23T14:16:23Z mx1 postfix/smtpd 1 - [" + filler, logparse.Foreign},
		{"journal", `{"MESSAGE":"` + filler + `\n","SYSLOG_IDENTIFIER":"postfix/smtpd"}`, logparse.Other},
		{"braces", strings.Repeat(`{"a":`, size/5), logparse.Foreign},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := logparse.NewParser()
			p.Parse([]byte("Nov 23 14:16:22 mx1 postfix/smtpd[1]: 4BD8F1A2C3: client=a[192.0.2.7]"))
			if r := p.Parse([]byte(test.line)); r.Outcome != test.outcome {
				t.Errorf("outcome %v, want %v", r.Outcome, test.outcome)
			}
		})
	}
}

// TestPartsWithoutEnd tests that a container's message without an end takes bounded
// memory, and that the parser reads the next message.
func TestPartsWithoutEnd(t *testing.T) {
	p := logparse.NewParser()
	part := []byte("2026-11-23T14:20:06Z stdout P " + strings.Repeat("x", 16<<10))
	for range 1000 {
		p.Parse(part)
	}
	r := p.Parse([]byte("2026-11-23T14:20:06Z stdout F x"))
	if n := len(r.Envelope.Message); n > 256<<10 {
		t.Errorf("message of %d bytes", n)
	}
	r = p.Parse([]byte("2026-11-23T14:20:06Z stdout F postfix/smtpd[1]: timeout after RCPT from a[192.0.2.7]"))
	if len(r.Events) != 1 {
		t.Errorf("%d events after a message without end, want 1", len(r.Events))
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, name := range logNames(t) {
		t.Run(name, func(t *testing.T) {
			lines := lines(readLog(t, name))
			p := logparse.NewParser()
			// AllocsPerRun warms up with one run. The average hides the runtime's
			// occasional allocations.
			if n := testing.AllocsPerRun(2, func() {
				for _, line := range lines {
					p.Parse(line)
				}
			}); n > 0 {
				t.Errorf("%v allocations in %d lines", n, len(lines))
			}
		})
	}
}

// TestStateIsBounded tests that new processes, clients and messages take no more
// memory once the tables are full.
func TestStateIsBounded(t *testing.T) {
	p := logparse.NewParser()
	n := int64(0)
	var line []byte
	next := func() {
		n++
		for _, parts := range [][2]string{
			{"Nov 23 14:16:23 mx1 postfix/smtpd[", ": client=a[192.0.2.7]"},
			{"Nov 23 14:16:23 mx1 postfix/smtp[", ": to=<a@dest.example>, relay=mx[192.0.2.1]:25, delays=1, status=sent (250 ok)"},
			{"Nov 23 14:16:23 mx1 postfix/postscreen[1]: CONNECT from [192.0.2.7", " to [192.0.2.1]:25"},
		} {
			line = strconv.AppendInt(append(line[:0], parts[0]...), n, 10)
			line = strconv.AppendInt(append(line, "]: 4BD8F1"...), n, 10)
			line = append(line, parts[1]...)
			p.Parse(line)
		}
	}
	for range 50_000 {
		next()
	}
	if allocs := testing.AllocsPerRun(50_000, next); allocs > 0 {
		t.Errorf("%v allocations for a new process, client and message", allocs)
	}
}

// outcomes counts the events that the outcome metrics count.
func outcomes(log []byte) map[string]int {
	n := map[string]int{}
	parseLog(log, func(_ int, e *logparse.Event) {
		n["deliveries"] += e.Deliveries
		switch {
		case e.Repeat || e.Dialogue:
		case e.Kind == logparse.Reply && e.Direction == logparse.Received:
			n["received "+e.Code.String()] += e.Count
		case e.Kind == logparse.Reply && e.Code.Class() < 4:
			n["sent "+e.Code.String()] += e.Count
		case e.Kind == logparse.Reply, e.Kind == logparse.Refusal:
			// The dialogue shows the code; other lines show only a refusal without one.
			n["refused"] += e.Count
		}
	})
	return n
}

// TestVerboseMovesNoOutcome compares a verbose log with the same log without the
// lines that -v adds. Those lines may add refusals that no other line shows, such
// as the 554 to a DATA pipelined after refused recipients. They must not remove a
// refusal, and must not change the deliveries and accepted messages.
func TestVerboseMovesNoOutcome(t *testing.T) {
	verbose := readCorpus(t, "postfix/transcript-verbose.log")
	p := logparse.NewParser()
	var plain []byte
	for _, line := range lines(verbose) {
		message := string(p.Parse(line).Envelope.Message)
		if !strings.HasPrefix(message, "< ") && !strings.HasPrefix(message, "> ") && !strings.HasPrefix(message, "send attr ") &&
			!strings.HasPrefix(message, "deliver_request_final") {
			plain = append(append(plain, line...), '\n')
		}
	}
	want, got := outcomes(plain), outcomes(verbose)
	for _, what := range []string{"deliveries", "sent 250"} {
		if got[what] != want[what] {
			t.Errorf("%s: %d, without -v %d", what, got[what], want[what])
		}
	}
	for what := range want {
		if got[what] < want[what] {
			t.Errorf("%s: %d, without -v %d", what, got[what], want[what])
		}
	}
}

func TestProbesMoveNoOutcome(t *testing.T) {
	var log []byte
	for range 100 {
		log = append(log, "Nov 23 14:16:23 mx1 postfix/smtpd[1]: connect from probe[192.0.2.7]\n"+
			"Nov 23 14:16:23 mx1 postfix/smtpd[1]: disconnect from probe[192.0.2.7] quit=1 commands=1\n"+
			"Nov 23 14:16:28 mx1 postfix/smtpd[2]: connect from probe[192.0.2.7]\n"+
			"Nov 23 14:16:28 mx1 postfix/smtpd[2]: lost connection after CONNECT from probe[192.0.2.7]\n"+
			"Nov 23 14:16:28 mx1 postfix/smtpd[2]: disconnect from probe[192.0.2.7] commands=0/0\n"+
			"Nov 23 14:16:33 mx1 postfix/postscreen[3]: CONNECT from [192.0.2.7]:4711 to [192.0.2.1]:25\n"+
			"Nov 23 14:16:33 mx1 postfix/postscreen[3]: HANGUP after 0.1 from [192.0.2.7]:4711 in tests before SMTP handshake\n"...)
	}
	parseLog(log, func(_ int, e *logparse.Event) {
		if !e.Dialogue || e.Deliveries != 0 {
			t.Errorf("a probe has an event: %s", showEvent(e))
		}
	})
}
