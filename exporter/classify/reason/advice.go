package reason

import (
	_ "embed"
	"strings"
	"sync"

	"smtp_reply_exporter/logparse"
)

//go:embed advice.tsv
var adviceFile string

// Advice is what a reason means for the operator of the server that logged the reply.
type Advice struct {
	Retry   string   // whether another attempt helps: "yes", "later" (once something has changed) or "no"
	Meaning string   // one or two sentences
	Steps   []string // what to do, the most likely one first
}

// AdviceOn returns the advice on a reason. OK has none.
func AdviceOn(dir logparse.Direction, reason string) (Advice, bool) {
	a, ok := advice()[adviceKey{dir.String(), reason}]
	return a, ok
}

type adviceKey struct{ direction, reason string }

var advice = sync.OnceValue(func() map[adviceKey]Advice {
	table := make(map[adviceKey]Advice)
	for line := range strings.Lines(adviceFile) {
		if line[0] == '#' {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		table[adviceKey{f[1], f[0]}] = Advice{f[2], f[3], strings.Split(f[4], " | ")}
	}
	return table
})
