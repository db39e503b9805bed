// Package provider takes the name of an MX host and returns the label of the mail
// provider that it belongs to.
package provider

import (
	_ "embed"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Other is the label of hosts that belong to no known provider.
const Other = "other"

//go:embed providers.tsv
var builtin string

var (
	name = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	// suffix matches a host name in lower case. With a leading dot it stands for all
	// hosts below that name, but not for the name itself.
	suffix = regexp.MustCompile(`^\.?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)
)

// maxHost is the length of the longest host name in text (RFC 1035 §2.3.4).
const maxHost = 253

// A Table maps host names to provider labels. It is safe for concurrent use.
type Table struct {
	labels map[string]string // by suffix with its leading dot, or by whole host name
}

// An Error describes what is wrong with one custom provider.
type Error struct {
	Provider string
	Err      error
}

func (e *Error) Error() string { return fmt.Sprintf("provider %q: %v", e.Provider, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// New returns the built-in table with the custom providers added. custom maps provider
// names to host suffixes (".mail.mycorp.example") and whole host names
// ("mx.mycorp.example"). A custom suffix replaces a built-in one. The error is an
// *Error.
func New(custom map[string][]string) (*Table, error) {
	t := &Table{labels: make(map[string]string)}
	for label, suffixes := range rows() {
		for _, s := range suffixes {
			t.labels[s] = label
		}
	}
	owners := make(map[string]string)
	for _, label := range slices.Sorted(maps.Keys(custom)) {
		if err := t.add(label, custom[label], owners); err != nil {
			return nil, &Error{label, err}
		}
	}
	return t, nil
}

// add adds a custom provider. owners maps each custom suffix added so far to its
// provider.
func (t *Table) add(label string, suffixes []string, owners map[string]string) error {
	if !name.MatchString(label) {
		return fmt.Errorf("%q is not a name; use lower-case letters, digits and _, beginning with a letter", label)
	}
	if len(suffixes) == 0 {
		return errors.New("missing; list the suffixes of its MX host names, such as [.mx.example]")
	}
	for _, s := range suffixes {
		key := strings.ToLower(s)
		if !suffix.MatchString(key) {
			return fmt.Errorf("%q is not a host name; write a suffix such as .mail.mycorp.example or a whole name such as mx.mycorp.example", s)
		}
		if owner, ok := owners[key]; ok && owner != label {
			return fmt.Errorf("%q belongs to %s already; list it once", s, owner)
		}
		owners[key] = label
		t.labels[key] = label
	}
	return nil
}

// Of returns the provider label of host, or Other. It ignores case and a final dot,
// matches whole DNS labels from the right, and prefers the longest suffix. It
// does not allocate.
func (t *Table) Of(host []byte) string {
	if n := len(host); n > 0 && host[n-1] == '.' {
		host = host[:n-1]
	}
	if len(host) == 0 || len(host) > maxHost || host[0] == '.' {
		return Other
	}
	var buf [maxHost]byte
	h := buf[:len(host)]
	for i, c := range host {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h[i] = c
	}
	if label, ok := t.labels[string(h)]; ok {
		return label
	}
	// Try the longest suffix first, which begins at the first dot.
	for i := 1; i < len(h); i++ {
		if h[i] != '.' {
			continue
		}
		if label, ok := t.labels[string(h[i:])]; ok {
			return label
		}
	}
	return Other
}

// Names returns the built-in provider labels in the order of the table, Other last.
func Names() []string {
	var names []string
	for label := range rows() {
		if !slices.Contains(names, label) {
			names = append(names, label)
		}
	}
	return append(names, Other)
}

// rows yields the label and the suffixes of each line of the built-in table.
func rows() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for line := range strings.Lines(builtin) {
			fields := strings.Fields(line)
			if len(fields) == 0 || fields[0] == "#" {
				continue
			}
			if !yield(fields[0], fields[1:]) {
				return
			}
		}
	}
}
