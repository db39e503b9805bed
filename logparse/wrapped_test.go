package logparse_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"smtp_reply_exporter/logparse"
)

// A wrapper writes a line in another form.
type wrapper struct {
	name string
	// wrap returns the line in that form; nil if the form cannot have it.
	wrap func(line []byte, e *logparse.Envelope) []byte
	// host, pid and time report whether the form keeps these.
	host, pid, time bool
}

// wrappers returns a wrapper for each form of a header, and for each shipper's object.
func wrappers() (all []wrapper) {
	for _, form := range logparse.Forms() {
		if line, ok := strings.CutSuffix(form.Example, "Nov 23 14:16:23 mx1 postfix/smtpd[699]: MSG"); ok && strings.HasSuffix(line, " ") && line != "2026 " {
			all = append(all, before(form.Name, line, strings.Contains(line, "14:16:23") && !strings.Contains(line, "stdout")))
		}
		if !strings.HasPrefix(form.Example, "{") {
			all = append(all, retagged(form))
		}
	}
	all = append(all,
		before("docker's tag", "Nov 23 14:16:23 host1 docker/mail[323]: ", false),
		before("a container's id", "<30>1 2026-11-23T14:16:23Z host1 5f2ab1c2d3e4 323 5f2ab1c2d3e4 - ", false),
		before("colours", "\x1b[36mmail-1  |\x1b[0m ", false),
		before("two tools", "Nov 23 14:16:23 host1 docker[323]: mail-1  | ", false),
	)
	for _, object := range []string{
		`{"log":$LINE\n,"stream":"stdout","time":"2026-11-23T14:20:06.001575881Z"}`,
		`{"SYSLOG_IDENTIFIER":"5f2ab1c2d3e4","CONTAINER_NAME":"mail","_PID":"323","MESSAGE":$LINE}`,
		`{"@timestamp":"2026-11-23T14:16:24.123Z","message":$LINE,"host":{"name":"host1"},"log":{"file":{"path":"/var/log/mail.log"}}}`,
		`{"file":"/var/log/mail.log","host":"host1","message":$LINE,"source_type":"file","timestamp":"2026-11-23T14:16:24.5Z"}`,
		`{"date":1795443383.1,"log":$LINE}`,
		`{"labels":{"job":"mail"},"line":$LINE,"timestamp":"2026-11-23T14:16:24Z"}`,
		`{"_msg":$LINE,"_time":"2026-11-23T14:16:24Z","_stream":"{}"}`,
		`{"rawmsg":$LINE}`,
		`{"event":{"original":$LINE}}`,
		`{"version":"1.1","host":"host1","short_message":$LINE,"_container_name":"mail","level":6}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":$LINE}}]}]}]}`,
		`{"message":{"x":1},"log":$LINE,"kubernetes":{"pod_name":"mail-0"}}`,
		`{"MESSAGE":$MSG,"SYSLOG_IDENTIFIER":$TAG,"SYSLOG_PID":$PID,"_HOSTNAME":$HOST,"__REALTIME_TIMESTAMP":"1795443606001575"}`,
		`{"msg":$MSG,"rawmsg":$LINE,"hostname":$HOST,"syslogtag":$NAME,"programname":"x"}`,
		`{"appname":$TAG,"hostname":$HOST,"message":$MSG,"procid":$PID,"severity":"info","timestamp":"2026-11-23T14:16:23Z"}`,
		`{"host":$HOST,"ident":$TAG,"pid":$PID,"message":$MSG,"pri":"22"}`,
		`{"PROGRAM":$TAG,"PID":$PID,"MESSAGE":$MSG,"HOST":$HOST,"LEVEL":"info"}`,
		`{"@timestamp":"2026-11-23T14:16:24Z","message":$LINE,"program":$TAG,"pid":$PID,"logsource":$HOST}`,
		`{"process":{"name":$TAG,"pid":$PID},"host":{"hostname":$HOST},"message":$MSG,"event":{"original":$LINE}}`,
		`{"version":"1.1","host":$HOST,"short_message":$MSG,"timestamp":1795443383.1,"level":6,"_application_name":$TAG,"_process_id":$PID}`,
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":"appname","value":{"stringValue":$TAG}},{"key":"hostname","value":{"stringValue":$HOST}},` +
			`{"key":"proc_id","value":{"stringValue":$PID}},{"key":"message","value":{"stringValue":$MSG}}],"body":{"stringValue":$LINE}}]}]}]}`,
	} {
		all = append(all, inObject(object))
	}
	return all
}

// before returns a wrapper that writes a tool's words before a line. timed reports whether
// these are before lines with a time and a tag only.
func before(name, words string, timed bool) wrapper {
	return wrapper{name: name, host: true, pid: true, time: true, wrap: func(line []byte, e *logparse.Envelope) []byte {
		if timed && (e.PID == nil || bytes.HasPrefix(line, e.Program) || bytes.HasPrefix(line, []byte("{"))) {
			return nil
		}
		return append([]byte(words), line...)
	}}
}

// retagged returns a wrapper that writes what a line holds in the form of an example.
func retagged(form logparse.Form) wrapper {
	w := wrapper{name: form.Name, host: strings.Contains(form.Example, "mx1"), pid: strings.Contains(form.Example, "699")}
	w.wrap = func(_ []byte, e *logparse.Envelope) []byte {
		if e.PID == nil || e.Host == nil || len(bytes.Trim(e.PID, "0123456789")) > 0 {
			return nil
		}
		return []byte(strings.NewReplacer("mx1", string(e.Host), "postfix/smtpd", string(e.Program), "699", string(e.PID),
			"MSG", string(e.Message)).Replace(form.Example))
	}
	return w
}

// inObject returns a wrapper that writes a line, or what it holds, into an object.
func inObject(object string) wrapper {
	whole := !strings.Contains(object, "$PID") && !strings.Contains(object, "$NAME")
	w := wrapper{name: object, host: true, pid: true, time: whole}
	w.wrap = func(line []byte, e *logparse.Envelope) []byte {
		if !utf8.Valid(line) || bytes.Contains(line, []byte("\r")) || !whole && (e.PID == nil || e.Host == nil || bytes.HasPrefix(line, []byte("{"))) {
			return nil
		}
		return []byte(strings.NewReplacer(`$LINE\n`, quoted(string(line)+"\n"), "$LINE", quoted(string(line)), "$MSG", quoted(string(e.Message)),
			"$NAME", quoted(string(e.Program)+"["+string(e.PID)+"]:"), "$TAG", quoted(string(e.Program)), "$PID", quoted(string(e.PID)),
			"$HOST", quoted(string(e.Host))).Replace(object))
	}
	return w
}

func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // no string does that
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestWrapped writes each line of each corpus in every form: it must tell the same. In
// full, it does so with all lines, else with the first ones.
func TestWrapped(t *testing.T) {
	full, _ := sweeps(t)
	for _, name := range logNames(t) {
		log := lines(readLog(t, name))
		if !full {
			log = log[:min(len(log), 250)]
		}
		t.Run(name, func(t *testing.T) {
			for _, w := range wrappers() {
				testWrapped(t, w, log)
			}
		})
	}
}

func testWrapped(t *testing.T, w wrapper, log [][]byte) {
	reader, plain, wrapped := logparse.NewParser(), logparse.NewParser(), logparse.NewParser()
	for _, line := range log {
		r := reader.Parse(line)
		text := w.wrap(line, &r.Envelope)
		if text == nil {
			continue
		}
		r = plain.Parse(line)
		_, timed := r.Envelope.Time.In(2026, time.UTC)
		keeps := w
		keeps.host, keeps.time = w.host && r.Envelope.Host != nil, w.time && timed
		want := told(&r, &keeps)
		got := wrapped.Parse(text)
		if got := told(&got, &keeps); got != want {
			t.Errorf("%s: %s\n got %s\nwant %s", w.name, text, got, want)
			return
		}
	}
}

// told returns what a line tells, so far as a form keeps it.
func told(r *logparse.Result, w *wrapper) string {
	if r.Outcome == logparse.Foreign {
		return r.Outcome.String()
	}
	s := fmt.Sprintf("%s %s", r.MTA, r.Program)
	if w.host {
		s += fmt.Sprintf(" host=%s", r.Envelope.Host)
	}
	if !w.pid { // which lines are one process' is not known
		return s
	}
	if at, ok := r.Envelope.Time.In(2026, time.UTC); w.time && ok {
		s += " " + at.String()
	}
	return s + fmt.Sprintf(" pid=%s %s", r.Envelope.PID, showResult(*r))
}
