package pipeline

import (
	"strings"
	"testing"
)

// A version that is newer than the judged ones is told once for each source.
func TestNewerVersion(t *testing.T) {
	const told = "the MTA is newer than the newest version judged by real logs"
	start := func(version string) string {
		return "Nov 30 14:00:01 mx1 postfix/master[77]: daemon started -- version " + version + ", configuration /etc/postfix\n"
	}
	h := newHost(t)
	h.write("a.log", "")
	h.write("b.log", "")
	h.run("[{name: a, file: DIR/a.log}, {name: b, file: DIR/b.log}]")
	h.write("a.log", start("3.9.1")+start("99.1")+start("99.1")+start("99.2")+refused)
	h.write("b.log", start("99.1")+refused)
	h.waitReplies("a", 1)
	h.waitReplies("b", 1)
	logged := h.logged.String()
	if n := strings.Count(logged, told); n != 3 {
		t.Errorf("told %d times, not 3:\n%s", n, logged)
	}
	for _, part := range []string{"source=a", "source=b", "mta=postfix", "version=99.1", "version=99.2", "judged=3."} {
		if !strings.Contains(logged, part) {
			t.Errorf("%s is missing in:\n%s", part, logged)
		}
	}
}
