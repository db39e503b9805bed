package pipeline

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/logparse"
)

// TestSilentSource has sources without lines, which are polled every 40 s.
func TestSilentSource(t *testing.T) {
	for _, test := range []struct {
		name string
		in   input
		line bool // comes after 40 s
		want string
	}{
		{name: "silent", in: input{config: &config.Source{MTA: config.Auto}}, want: "no line of an MTA was found"},
		{name: "an MTA in the log", in: input{config: &config.Source{MTA: config.Auto}, unread: unread{mtas: []string{"postfix"}}}},
		{name: "the operator has named it", in: input{config: &config.Source{MTA: "exim"}}},
		{name: "a line", in: input{config: &config.Source{MTA: config.Auto}}, line: true, want: "found an MTA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var logged bytes.Buffer
			p := &Pipeline{logger: slog.New(slog.NewTextHandler(&logged, nil)), now: time.Unix(1795443383, 0)}
			in := test.in
			in.stats.Up = true
			for range 5 {
				p.noteSilence(&in)
				p.now = p.now.Add(40 * time.Second)
				if test.line {
					line := []byte("Nov 23 14:16:23 mx1 postfix/smtpd[7]: connect from unknown[192.0.2.7]")
					r := logparse.NewParser().Parse(line)
					p.noteUnread(&in, line, &r)
				}
			}
			got := logged.String()
			if n := strings.Count(got, "\n"); n > 1 || n == 0 != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("want %q once, got %s", test.want, got)
			}
		})
	}
}

func TestUnreadSource(t *testing.T) {
	const (
		headless = "2026|Nov|23 14:16:23 mx1 nginx: GET /"
		foreign  = "Nov 23 14:16:23 mx1 nginx[7]: GET /"
		mail     = "Nov 23 14:16:23 mx1 postfix/smtpd[7]: connect from unknown[192.0.2.7]"
	)
	for _, test := range []struct {
		name   string
		lines  []string // 40 s apart
		want   string
		absent string // a line is never shown
	}{
		{"a header that is not known", []string{headless, headless, headless, headless}, "nearest_form", "nginx"},
		{"other programs", []string{foreign, foreign, foreign, foreign}, "other programs", "GET"},
		{"a line of an MTA", []string{headless, headless, mail, headless, headless}, "", ""},
		{"not a minute", []string{headless, headless}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var logged bytes.Buffer
			p := &Pipeline{logger: slog.New(slog.NewTextHandler(&logged, nil)), now: time.Unix(1795443383, 0)}
			in, parser := &input{name: "mail"}, logparse.NewParser()
			for _, line := range test.lines {
				r := parser.Parse([]byte(line))
				p.noteUnread(in, []byte(line), &r)
				p.now = p.now.Add(40 * time.Second)
			}
			got := logged.String()
			if n := strings.Count(got, "level=WARN"); test.want == "" && n != 0 || test.want != "" && (n != 1 || !strings.Contains(got, test.want)) ||
				test.absent != "" && strings.Contains(got, test.absent) {
				t.Errorf("want %q once, got %s", test.want, got)
			}
		})
	}
}
