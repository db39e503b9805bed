package config

import (
	"fmt"
	"slices"
	"strings"

	"smtp_reply_exporter/logparse"
)

// A Format is an expression for lines of an MTA without a built-in parser. The Formats
// of one MTA are tried in order.
type Format struct {
	MTA       string   `yaml:"mta"`       // the label mta, which sources name
	Pattern   string   `yaml:"pattern"`   // an expression of logparse.Format
	Direction string   `yaml:"direction"` // sent or received; "" if Pattern has a group for it
	Samples   []Sample `yaml:"samples"`
}

// A Sample is a log line and the reply that it must yield. An empty field is not
// compared. Without Code, the line must yield no reply.
type Sample struct {
	Line         string `yaml:"line"`
	Code         string `yaml:"code"`
	EnhancedCode string `yaml:"enhanced_code"`
	Direction    string `yaml:"direction"`
	Command      string `yaml:"command"`
	Remote       string `yaml:"remote"`
	QueueID      string `yaml:"queue_id"`
	Text         string `yaml:"text"` // from the reply code on
}

// compileFormats compiles the formats and parses their samples, so that a wrong
// expression is an error at once instead of a counter that stays at 0.
func (c *Config) compileFormats() error {
	for i := range c.Formats {
		f := &c.Formats[i]
		field := func(name string) string { return fmt.Sprintf("formats[%d].%s", i, name) }
		switch {
		case f.MTA == "":
			return c.Errorf(field("mta"), "missing; it is the label mta of the metrics, and sources name it, such as mta: house_mta")
		case !validName.MatchString(f.MTA):
			return c.Errorf(field("mta"), "%q is not a name; use 1 to 64 letters, digits, _, . and -", f.MTA)
		case slices.Contains(mtas, f.MTA):
			return c.Errorf(field("mta"), "%q has a parser already; choose another name", f.MTA)
		case f.Pattern == "":
			return c.Errorf(field("pattern"), "missing; write the regular expression that the log's lines match, with a group (?P<code>...)")
		case f.Direction != "" && !slices.Contains(directions, f.Direction):
			return c.Errorf(field("direction"), "%q is not one of %s", f.Direction, strings.Join(directions, ", "))
		}
		format := c.formats[f.MTA]
		if format == nil {
			format = logparse.NewFormat(f.MTA)
			c.formats[f.MTA] = format
		}
		if err := format.Add(f.Pattern, f.Direction); err != nil {
			return c.Errorf(field("pattern"), "%w", patternError(f.Pattern, err))
		}
	}
	for i := range c.Formats {
		if err := c.checkSamples(i); err != nil {
			return err
		}
	}
	return nil
}

// directions are the values of Format.Direction and Sample.Direction.
var directions = []string{logparse.Sent.String(), logparse.Received.String()}

func (c *Config) checkSamples(i int) error {
	f := &c.Formats[i]
	shown := false
	for j := range f.Samples {
		sample := &f.Samples[j]
		field := func(name string) string { return fmt.Sprintf("formats[%d].samples[%d].%s", i, j, name) }
		if sample.Line == "" {
			return c.Errorf(field("line"), "missing; give a line of the log")
		}
		r := c.formats[f.MTA].NewParser().Parse([]byte(sample.Line))
		var got Sample
		if len(r.Events) > 0 {
			e := &r.Events[0]
			got = Sample{
				sample.Line, e.Code.String(), e.Enhanced.String(), e.Direction.String(), e.Command.String(),
				string(e.Remote) + string(e.Addr), string(e.QueueID), string(e.Text),
			}
			if len(e.Remote) > 0 && len(e.Addr) > 0 {
				got.Remote = fmt.Sprintf("%s[%s]", e.Remote, e.Addr)
			}
		}
		shown = shown || sample.Code != ""
		switch {
		case sample.Code == "" && got.Code != "":
			return c.Errorf(field("line"), "the patterns of %s read a reply %s here; set code, or make the patterns stricter", f.MTA, got.Code)
		case sample.Code != "" && got.Code == "" && r.Outcome == logparse.NotUnderstood:
			return c.Errorf(field("line"), "a pattern of %s matches, but code must be three digits from 200 to 599, and direction sent or received", f.MTA)
		case sample.Code != "" && got.Code == "":
			return c.Errorf(field("line"), "no pattern of %s matches it", f.MTA)
		}
		for _, want := range []struct{ name, want, got string }{
			{"code", sample.Code, got.Code},
			{"enhanced_code", sample.EnhancedCode, got.EnhancedCode},
			{"direction", sample.Direction, got.Direction},
			{"command", sample.Command, got.Command},
			{"remote", sample.Remote, got.Remote},
			{"queue_id", sample.QueueID, got.QueueID},
			{"text", sample.Text, got.Text},
		} {
			if want.want != "" && want.want != want.got {
				return c.Errorf(field(want.name), "the patterns of %s read %q, not %q", f.MTA, want.got, want.want)
			}
		}
	}
	if !shown {
		return c.Errorf(fmt.Sprintf("formats[%d].samples", i), "missing; give at least one line that the pattern matches, with the code that it shows")
	}
	return nil
}

// CheckMTA returns an error if there is no parser for mta: it must be Auto, one of
// logparse.MTAs or the MTA of a Format.
func (c *Config) CheckMTA(mta string) error {
	if slices.Contains(mtas, mta) || c.formats[mta] != nil {
		return nil
	}
	return fmt.Errorf("%q is not one of %s, or the mta of an item of formats", mta, strings.Join(mtas, ", "))
}

// ParserOf returns a parser for the lines of a source of the Config.
func (c *Config) ParserOf(s *Source) *logparse.Parser {
	p := c.NewParser(s.MTA)
	if h := c.headers[s.Name]; h != nil {
		p.SetHeader(h)
	}
	return p
}

// NewParser returns a parser for the lines of an MTA. It panics if CheckMTA does not
// accept the MTA.
func (c *Config) NewParser(mta string) *logparse.Parser {
	switch {
	case c.formats[mta] != nil:
		return c.formats[mta].NewParser()
	case mta == Auto:
		return logparse.NewParser()
	}
	p, err := logparse.NewParserFor(mta)
	if err != nil {
		panic(err) // CheckMTA would have found it
	}
	return p
}
