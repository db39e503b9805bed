package provider

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed pages.tsv
var pageFile string

// Page returns the address of the page where a built-in provider says what its replies
// mean, or "".
func Page(label string) string { return pages()[label] }

var pages = sync.OnceValue(func() map[string]string {
	table := make(map[string]string)
	for line := range strings.Lines(pageFile) {
		if label, page, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			table[label] = page
		}
	}
	return table
})
