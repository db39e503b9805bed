// Package reason returns the reason of an SMTP reply: why a server refused or deferred.
// It judges by the reply code, the enhanced code and the text.
package reason

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"

	"smtp_reply_exporter/logparse"
)

const (
	// OK is the reason of positive replies.
	OK = "ok"
	// Other is the reason of replies that no rule matches.
	Other = "other"
)

var names = []string{
	OK, "greylisted", "rate_limited", "connection_limit", "mailbox_full", "system_storage",
	"message_too_large", "too_many_recipients", "unknown_user", "mailbox_disabled",
	"bad_domain", "sender_rejected", "relay_denied", "blocklist", "spam_content", "virus",
	"sender_auth", "tls", "dns", "auth_failed", "policy", "protocol_error", "network",
	"system_error", Other,
}

// Names returns all reasons in the order of the documentation.
func Names() []string { return slices.Clone(names) }

// A Rule gives its reason to replies whose text matches its pattern. The pattern is an
// RE2 regular expression. It ignores case, and newlines match as blanks.
type Rule struct{ Reason, Pattern string }

// A Classifier gives reasons to replies. It is safe for concurrent use.
type Classifier struct {
	custom  []customRule
	builtin *ruleSet
}

type customRule struct {
	reason  string
	pattern *regexp.Regexp
}

var builtin = sync.OnceValue(func() *ruleSet {
	set, err := loadRules()
	if err != nil {
		panic(err)
	}
	return set
})

// An Error describes what is wrong with one custom rule.
type Error struct {
	Rule  int    // its index
	Field string // reason or pattern
	Err   error
}

func (e *Error) Error() string { return fmt.Sprintf("rule %d: %s: %v", e.Rule, e.Field, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// New returns a Classifier. It tries the custom rules in order on the text as logged,
// with "<@>" for addresses in angle brackets, and then the built-in rules. The error is
// an *Error.
func New(custom []Rule) (*Classifier, error) {
	c := &Classifier{builtin: builtin()}
	for i, r := range custom {
		if err := checkName(r.Reason); err != nil {
			return nil, &Error{i, "reason", err}
		}
		pattern, err := compile(r.Pattern)
		if err != nil {
			return nil, &Error{i, "pattern", err}
		}
		c.custom = append(c.custom, customRule{r.Reason, pattern})
	}
	return c, nil
}

func checkName(reason string) error {
	switch {
	case reason == "":
		return errors.New("missing; name the reason that the pattern stands for")
	case !slices.Contains(names, reason):
		return fmt.Errorf("%q is not one of %s", reason, strings.Join(names, ", "))
	}
	return nil
}

// compile compiles the pattern of a custom rule.
func compile(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return nil, errors.New("missing; write the regular expression that the reply's text matches")
	}
	// Compile without (?i) first, so that the error quotes the pattern as written.
	_, err := regexp.Compile(pattern)
	if syntaxErr := (*syntax.Error)(nil); errors.As(err, &syntaxErr) {
		return nil, fmt.Errorf("%#q is not a regular expression: %s at %#q", pattern, syntaxErr.Code, syntaxErr.Expr)
	}
	return regexp.Compile("(?i)" + pattern)
}

// A Reply is what is known of a reply. The zero values of Code, Enhanced, Command,
// Provider and Program stand for what is not known.
type Reply struct {
	Direction logparse.Direction
	Code      logparse.Code
	Enhanced  logparse.EnhancedCode
	Command   logparse.Command // that it answers
	Provider  string           // the label of the server that answered; it matters only if Received
	Program   []byte           // that logged it
	// Text is the reply as logged, with or without its code. The first 512 bytes of it
	// count, without the addresses in angle brackets.
	Text []byte
}

// Reason returns the reason of a reply, one of Names. Codes 200 to 399 are OK whatever
// the text says. Without a code (0), the text and the enhanced code decide.
//
// It does not allocate, except for its first scratch buffers.
func (c *Classifier) Reason(r *Reply) string {
	if class := r.Code.Class(); class == 2 || class == 3 {
		return OK
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	text := withoutAddresses(s.said[:0], r.Text)
	if i := c.customRule(text, s); i >= 0 {
		return c.custom[i].reason
	}
	return c.builtin.reason(r, text, s)
}

// customRule returns the index of the first custom rule that matches the text, or -1.
func (c *Classifier) customRule(text []byte, s *scratch) int {
	if len(c.custom) == 0 {
		return -1
	}
	line := oneLine(s.text[:0], text)
	return slices.IndexFunc(c.custom, func(r customRule) bool { return r.pattern.Match(line) })
}

// oneLine appends text to dst with a blank for each newline.
func oneLine(dst, text []byte) []byte {
	for _, c := range text {
		if c == '\n' || c == '\r' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
