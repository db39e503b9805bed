package config

import (
	"errors"
	"fmt"
	"time"

	"smtp_reply_exporter/logparse"
)

// A HeaderSample is a log line and what the header of its source must read in it. An empty
// field is not compared. Without any, the header must not match the line.
type HeaderSample struct {
	Line    string `yaml:"line"`
	Host    string `yaml:"host"`
	Program string `yaml:"program"`
	PID     string `yaml:"pid"`
	Time    string `yaml:"time"` // as in the line, or in RFC 3339
	Message string `yaml:"message"`
}

// checkHeader compiles the header of source i and reads its samples, so that a wrong
// expression is an error at once instead of a log in which no line counts.
func (c *Config) checkHeader(i int) error {
	s := &c.Sources[i]
	field := func(name string) string { return fmt.Sprintf("sources[%d].%s", i, name) }
	switch {
	case s.Header == "" && len(s.Samples) > 0:
		return c.Errorf(field("samples"), "only beside header; remove it")
	case s.Header == "":
		return nil
	case s.Journal != nil:
		return c.Errorf(field("header"), "not for journal, whose entries have fields for it; remove it")
	}
	h, err := logparse.NewHeader(s.Header)
	if err != nil {
		return c.Errorf(field("header"), "%w", patternError(s.Header, err))
	}
	c.headers[s.Name] = h
	shown := false
	for j := range s.Samples {
		owned, err := c.checkHeaderSample(s, h, &s.Samples[j], fmt.Sprintf("%s[%d].", field("samples"), j))
		if err != nil {
			return err
		}
		shown = shown || owned
	}
	switch {
	case len(s.Samples) == 0:
		return c.Errorf(field("samples"), "missing; give at least one line of the MTA that the header matches, with what it reads there, such as host")
	case !shown:
		return c.Errorf(field("samples"), "after the header, no line is an MTA's; give one that is, and let program match the syslog identifier, such as postfix/smtpd")
	}
	return nil
}

// checkHeaderSample checks a sample at a path in the file. It reports whether the header
// matches and leaves a line of the source's MTA.
func (c *Config) checkHeaderSample(s *Source, h *logparse.Header, sample *HeaderSample, path string) (owned bool, err error) {
	if sample.Line == "" {
		return false, c.Errorf(path+"line", "missing; give a line of the log")
	}
	matches, wanted := h.Matches([]byte(sample.Line)), *sample != HeaderSample{Line: sample.Line}
	switch {
	case matches && !wanted:
		return false, c.Errorf(path+"line", "the header matches it; set host, program, pid, time or message, or make the header stricter")
	case !matches && wanted:
		return false, c.Errorf(path+"line", "the header does not match it; it must match from the start of the line")
	}
	r := c.ParserOf(s).Parse([]byte(sample.Line))
	at, err := sample.time(&r)
	if err != nil {
		return false, c.Errorf(path+"time", "%w", err)
	}
	env := &r.Envelope
	for _, want := range []struct{ name, want, got string }{
		{"host", sample.Host, string(env.Host)},
		{"program", sample.Program, string(env.Program)},
		{"pid", sample.PID, string(env.PID)},
		{"time", sample.Time, at},
		{"message", sample.Message, string(env.Message)},
	} {
		if want.want != "" && want.want != want.got {
			return false, c.Errorf(path+want.name, "the header reads %q, not %q", want.got, want.want)
		}
	}
	return matches && r.Outcome != logparse.Foreign, nil
}

// time returns the time of the sample's line, in the words of sample.Time if that is the
// same time. It takes what the line omits, the year or the zone, from the sample.
func (s *HeaderSample) time(r *logparse.Result) (string, error) {
	if s.Time == "" {
		return "", nil
	}
	logged := r.Envelope.Time.Text()
	if logged == "" {
		return "", errors.New("the header reads no time in a known form; let its group time match one such as 2026-11-23T14:16:23Z, Nov 23 14:16:23 or 1795443383")
	}
	if want, err := time.Parse(time.RFC3339Nano, s.Time); err == nil {
		got, ok := r.Envelope.Time.In(want.Year(), want.Location())
		if ok && got.Truncate(time.Second).Equal(want.Truncate(time.Second)) {
			return s.Time, nil
		}
	}
	return logged, nil
}
