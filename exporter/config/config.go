// Package config reads the exporter's configuration, a YAML file, strictly. Load and
// Parse return a Config, or an error that names the line and the field of the fault.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"smtp_reply_exporter/logparse"
)

// The values of Source.Start: where a source begins to read a file without a position
// in the state.
const (
	End       = "end"
	Beginning = "beginning"
)

// Auto is the MTA of a source that identifies the MTA of each line.
const Auto = "auto"

var (
	starts = []string{End, Beginning}
	mtas   = append([]string{Auto}, logparse.MTAs()...)
)

// validName matches names that are readable label values.
var validName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

// A Config is a configuration that is valid except for fields that other packages
// check. It does not change after Parse, so it is safe for concurrent use.
type Config struct {
	// State is the path of the state file; "" for none.
	State string
	// StateNamed reports whether the file sets State. If it does, an unusable state
	// file is an error; otherwise the exporter then runs without a state.
	StateNamed bool
	// InternalNetworks are masked and never IPv4-mapped.
	InternalNetworks []netip.Prefix
	Sources          []Source
	// Providers maps a provider's name to suffixes of MX host names, both as in the
	// file. Package provider checks them.
	Providers map[string][]string
	// Reasons are rules, in the order in which they are tried.
	Reasons []Reason
	Formats []Format

	name    string
	lines   map[string]int              // the line of each field in the file, by its path
	formats map[string]*logparse.Format // by MTA
	headers map[string]*logparse.Header // by source
}

// A Source is the origin of lines: a file, the journal, syslog messages or standard
// input.
type Source struct {
	Name    string   `yaml:"name"`    // the label source, unique
	File    string   `yaml:"file"`    // a path or a glob of filepath.Match
	Journal *Journal `yaml:"journal"` // nil for other sources
	Syslog  string   `yaml:"syslog"`  // a URL as in the file; package listen checks it
	Allow   []string `yaml:"allow"`   // networks that may send Syslog messages
	Stdin   bool     `yaml:"stdin"`
	MTA     string   `yaml:"mta"`   // Auto or the name of a parser or Format
	Start   string   `yaml:"start"` // End or Beginning; for files and the journal
	// OldDir is the directory to which File is rotated, relative to File's own; "" if it
	// is that one.
	OldDir string `yaml:"olddir"`

	// LossNotices are paths or globs of other logs, in which the logger of this source
	// reports lines that it dropped.
	LossNotices []string `yaml:"loss_notices"`

	// Hosts is true or a list of names, as in the file: see AllHosts.
	Hosts any `yaml:"hosts"`

	Header  string         `yaml:"header"` // an expression of logparse.Header; "" for none
	Samples []HeaderSample `yaml:"samples"`

	// AllowNetworks is Allow, masked and never IPv4-mapped.
	AllowNetworks []netip.Prefix `yaml:"-"`
	// AllHosts and HostNames say which hosts have the label host: all, or those with these
	// names, in lower case. Without both, none has.
	AllHosts  bool     `yaml:"-"`
	HostNames []string `yaml:"-"`
}

// String returns the origin of the source's lines, for logs.
func (s *Source) String() string {
	switch {
	case s.Journal != nil:
		return strings.TrimSpace("the journal " + strings.Join(s.Journal.Matches, " "))
	case s.Syslog != "":
		return s.Syslog
	case s.Stdin:
		return "standard input"
	}
	return s.File
}

// A Journal selects entries of the systemd journal.
type Journal struct {
	Matches []string `yaml:"matches"` // journalctl's matches; none means the mail facility
}

// A Reason is a rule: replies that match Pattern have this Reason. Both are as in the
// file. Package reason checks them.
type Reason struct {
	Reason  string `yaml:"reason"`
	Pattern string `yaml:"pattern"`
}

// A document is the decoded YAML file.
type document struct {
	State            string              `yaml:"state"`
	InternalNetworks []string            `yaml:"internal_networks"`
	Sources          []Source            `yaml:"sources"`
	Providers        map[string][]string `yaml:"providers"`
	Reasons          []Reason            `yaml:"reasons"`
	Formats          []Format            `yaml:"formats"`
}

// Load reads the file at path and checks it as Parse does. Errors begin with path and,
// if it is known, the line.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return nil, fmt.Errorf("%s: %w; name a file that the exporter's user may read with --config.file", path, err)
	}
	return Parse(path, data)
}

// Parse returns the configuration in data, the content of a file, with the defaults
// filled in. Errors begin with name and give the line, the field, the fault and what
// to do:
//
//	config.yaml:7: sources[1].mta: "exmi" is not one of auto, postfix
func Parse(name string, data []byte) (*Config, error) {
	c := &Config{name: name, lines: make(map[string]int), formats: make(map[string]*logparse.Format), headers: make(map[string]*logparse.Header)}
	doc, err := c.decode(data)
	if err != nil {
		return nil, err
	}
	c.Sources, c.Providers, c.Reasons, c.Formats = doc.Sources, doc.Providers, doc.Reasons, doc.Formats
	c.State = DefaultState
	if c.StateNamed = c.has("state"); c.StateNamed {
		c.State = doc.State
	}
	if err := c.parseNetworks(doc.InternalNetworks); err != nil {
		return nil, err
	}
	if err := c.compileFormats(); err != nil {
		return nil, err
	}
	if err := c.checkSources(); err != nil {
		return nil, err
	}
	return c, nil
}

// Errorf returns an error about a field of the file, for the packages that check that
// field: "config.yaml:12: reasons[0].reason: " and the formatted text. If the file does
// not have the field, the line is that of the enclosing field.
func (c *Config) Errorf(field, format string, args ...any) error {
	return c.errorAt(c.line(field), field, format, args...)
}

// errorAt is Errorf with a given line. The field of the whole file is "".
func (c *Config) errorAt(line int, field, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if field != "" {
		err = fmt.Errorf("%s: %w", field, err)
	}
	return fmt.Errorf("%s:%d: %w", c.name, line, err)
}

// has reports whether the file has the field.
func (c *Config) has(field string) bool {
	_, ok := c.lines[field]
	return ok
}

func (c *Config) line(field string) int {
	for {
		if line, ok := c.lines[field]; ok {
			return line
		}
		i := strings.LastIndexAny(field, ".[")
		if i < 0 {
			return 1
		}
		field = field[:i]
	}
}

func (c *Config) parseNetworks(networks []string) error {
	for i, s := range networks {
		prefix, err := parseNetwork(s)
		if err != nil {
			return c.Errorf(fmt.Sprintf("internal_networks[%d]", i), "%w", err)
		}
		c.InternalNetworks = append(c.InternalNetworks, prefix)
	}
	return nil
}

// parseNetwork parses a network in CIDR notation, or an address, which is a network of
// one address. Like Postfix's mynetworks, it refuses bits beyond the prefix length,
// since either the address or the length must be a mistake.
func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an address or a network such as 10.0.0.0/8 or 2001:db8::/32", s)
	}
	if masked := prefix.Masked(); masked != prefix {
		return netip.Prefix{}, fmt.Errorf("%q has bits beyond its prefix length; write %s for the network or %s for the one address",
			s, masked, prefix.Addr())
	}
	if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix, nil
}

func (c *Config) checkSources() error {
	if len(c.Sources) == 0 {
		return c.Errorf("sources", "no source; name at least one log, or start without a configuration to follow the usual one")
	}
	for i := range c.Sources {
		if err := c.checkSource(i); err != nil {
			return err
		}
	}
	return nil
}

// checkSource fills in the defaults of source i, and checks it, also against the sources
// before it.
func (c *Config) checkSource(i int) error {
	s := &c.Sources[i]
	field := func(name string) string { return fmt.Sprintf("sources[%d].%s", i, name) }
	if s.Name == "" {
		return c.Errorf(field("name"), "missing; it is the label source of the metrics, such as name: mail")
	}
	if !validName.MatchString(s.Name) {
		return c.Errorf(field("name"), "%q is not a name; use 1 to 64 letters, digits, _, . and -", s.Name)
	}
	if err := c.checkKind(i); err != nil {
		return err
	}
	if s.MTA == "" {
		s.MTA = Auto
	}
	if err := c.CheckMTA(s.MTA); err != nil {
		return c.Errorf(field("mta"), "%w", err)
	}
	if err := c.checkHosts(i); err != nil {
		return err
	}
	if err := c.checkHeader(i); err != nil {
		return err
	}
	if s.Start == "" {
		s.Start = End
	}
	if !slices.Contains(starts, s.Start) {
		return c.Errorf(field("start"), "%q is not one of %s", s.Start, strings.Join(starts, ", "))
	}
	for j, other := range c.Sources[:i] {
		if s.Name == other.Name {
			return c.Errorf(field("name"), "%q is the name of sources[%d] on line %d too; give each source its own",
				s.Name, j, c.line(fmt.Sprintf("sources[%d].name", j)))
		}
		if s.Stdin && other.Stdin {
			return c.Errorf(field("stdin"), "sources[%d] reads it already; give it to one source", j)
		}
		if s.File != "" && other.File != "" && overlap(s.File, other.File) {
			return c.Errorf(field("file"), "%q covers the same file as %q of sources[%d] on line %d; one file belongs to one source",
				s.File, other.File, j, c.line(fmt.Sprintf("sources[%d].file", j)))
		}
	}
	return nil
}

// checkKind checks that source i has one kind and only the fields of that kind.
func (c *Config) checkKind(i int) error {
	s := &c.Sources[i]
	field := func(name string) string { return fmt.Sprintf("sources[%d].%s", i, name) }
	var kinds []string
	for kind, given := range map[string]bool{"file": s.File != "", "journal": s.Journal != nil, "syslog": s.Syslog != "", "stdin": s.Stdin} {
		if given {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	switch {
	case len(kinds) == 0:
		return c.Errorf(field("file"), "missing; name the log to follow, such as file: /var/log/mail.log")
	case len(kinds) > 1:
		return c.Errorf(field(kinds[1]), "a source has one of file, journal, syslog and stdin, but this one has %s; make it two sources", strings.Join(kinds, " and "))
	case len(s.Allow) > 0 && s.Syslog == "":
		return c.Errorf(field("allow"), "only for syslog; remove it")
	case s.Start != "" && s.File == "" && s.Journal == nil:
		return c.Errorf(field("start"), "only for file and journal; remove it")
	case s.OldDir != "" && s.File == "":
		return c.Errorf(field("olddir"), "only for file; remove it")
	case s.OldDir == "" && c.has(field("olddir")):
		return c.Errorf(field("olddir"), "empty; name the directory of the rotated logs or remove it")
	case strings.ContainsAny(s.OldDir, "*?["):
		return c.Errorf(field("olddir"), "%q is not one directory", s.OldDir)
	}
	for j, network := range s.Allow {
		prefix, err := parseNetwork(network)
		if err != nil {
			return c.Errorf(field(fmt.Sprintf("allow[%d]", j)), "%w", err)
		}
		s.AllowNetworks = append(s.AllowNetworks, prefix)
	}
	for j := range s.LossNotices {
		if err := c.checkFile(field(fmt.Sprintf("loss_notices[%d]", j)), &s.LossNotices[j]); err != nil {
			return err
		}
	}
	if s.File == "" {
		return nil
	}
	return c.checkFile(field("file"), &s.File)
}

// checkFile checks a path or glob and cleans it.
func (c *Config) checkFile(field string, file *string) error {
	if *file == "" {
		return c.Errorf(field, "empty; name a log or remove it")
	}
	*file = filepath.Clean(*file)
	if _, err := filepath.Match(*file, ""); err != nil {
		return c.Errorf(field, "%q is not a valid glob; close the [ or write \\[ for the character itself", *file)
	}
	return nil
}

// overlap reports whether two valid paths or globs are the same, or one covers the
// other. It does not detect two globs that share only some files.
func overlap(a, b string) bool {
	aCovers, _ := filepath.Match(a, b)
	bCovers, _ := filepath.Match(b, a)
	return a == b || aCovers || bCovers
}

// patternError rewrites an error of package regexp for users.
func patternError(pattern string, err error) error {
	if syntaxErr := (*syntax.Error)(nil); errors.As(err, &syntaxErr) {
		return fmt.Errorf("%#q is not a regular expression: %s at %#q", pattern, syntaxErr.Code, syntaxErr.Expr)
	}
	return fmt.Errorf("%#q: %w", pattern, err)
}
