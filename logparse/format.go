package logparse

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// The named groups that a Format's expressions may have.
const (
	groupCode      = "code" // required: three digits
	groupEnhanced  = "enhanced_code"
	groupText      = "text" // what follows the codes in the reply
	groupDirection = "direction"
	groupRemote    = "remote"  // a name, an address, or NAME[ADDRESS]
	groupCommand   = "command" // a Command's name, or what the client wrote
	groupQueueID   = "queue_id"
)

var formatGroups = []string{
	groupCode, groupEnhanced, groupText, groupDirection, groupRemote, groupCommand, groupQueueID,
}

// shapeFormat is the shape of a line that matches an expression of a Format, but has
// an invalid code or direction.
const shapeFormat = "format"

// A Format reads, with regular expressions, the log of an MTA that this package does
// not know. Each line that matches an expression is one reply. Unlike the built-in
// grammars, a Format allocates for each line and keeps no state between lines. Its
// parsers may run concurrently once Add is no longer called.
type Format struct {
	mta         string
	expressions []formatExpression
}

type formatExpression struct {
	*regexp.Regexp
	direction string      // "" if the expression has the group direction
	group     map[int]int // index of formatGroups to the expression's own
}

// NewFormat returns a Format without expressions. mta is the label of its results.
func NewFormat(mta string) *Format { return &Format{mta: mta} }

// Add adds an expression for one form of lines. The parser matches it against the
// whole line, or against the message inside the record of a container runtime or of
// the journal. The first expression that matches reads the reply. direction is
// "sent" or "received", or "" if the expression's group direction matches one of
// these words. Add returns an error if the expression does not compile, has an
// unknown group, lacks the group code, or does not have exactly one of direction
// and the group direction.
func (f *Format) Add(expression, direction string) error {
	re, err := regexp.Compile(expression)
	if err != nil {
		return err
	}
	e := formatExpression{Regexp: re, direction: direction, group: map[int]int{}}
	for i, name := range re.SubexpNames() {
		if name == "" {
			continue
		}
		known := slices.Index(formatGroups, name)
		if known < 0 {
			return fmt.Errorf("group %q is not one of %s", name, strings.Join(formatGroups, ", "))
		}
		e.group[known] = i
	}
	if re.SubexpIndex(groupCode) < 0 {
		return fmt.Errorf("no group (?P<%s>...) for the reply's three digits", groupCode)
	}
	if grouped := re.SubexpIndex(groupDirection) >= 0; grouped == (direction != "") {
		return fmt.Errorf("the direction must stand either beside the expression or in a group (?P<%s>...)", groupDirection)
	}
	f.expressions = append(f.expressions, e)
	return nil
}

// NewParser returns a Parser that reads every line of a log with the Format.
func (f *Format) NewParser() *Parser {
	p := NewParser()
	p.format = &formatLine{line: p.line, Format: f}
	return p
}

// A formatLine reads the Parser's line with a Format.
type formatLine struct {
	*line
	*Format
	reply []byte // the event's text, which the line may hold in several pieces
}

// parse reads text, the line as logged, or the message if text is nil.
func (l *formatLine) parse(text []byte) {
	if text == nil {
		text = l.message
	}
	for _, e := range l.expressions {
		if match := e.FindSubmatchIndex(text); match != nil {
			var groups [7][]byte
			for known, i := range e.group {
				if match[2*i] >= 0 {
					groups[known] = text[match[2*i]:match[2*i+1]]
				}
			}
			l.emitReply(e.direction, groups)
			return
		}
	}
}

// emitReply adds the reply of a line. groups are the texts of the expression's
// groups, in the order of formatGroups.
func (l *formatLine) emitReply(direction string, groups [7][]byte) {
	code, enhanced, text, remote, command := groups[0], groups[1], groups[2], groups[4], groups[5]
	l.reply = append(l.reply[:0], code...)
	for _, part := range [][]byte{enhanced, text} {
		if len(part) > 0 {
			l.reply = append(append(l.reply, ' '), part...)
		}
	}
	e := Event{Kind: Reply, Command: commandNamed(command), QueueID: groups[6], Text: l.reply}
	var ok bool
	if e.Code, e.Enhanced, ok = ParseReply(l.reply); !ok || len(code) != 3 {
		l.notUnderstood(shapeFormat)
		return
	}
	if direction == "" {
		direction = strings.ToLower(string(groups[3]))
	}
	switch direction {
	case Sent.String():
	case Received.String():
		e.Direction = Received
	default:
		l.notUnderstood(shapeFormat)
		return
	}
	switch {
	case e.Code.Class() == 3, e.Code == 220, e.Code == 221, e.Code == 235,
		e.Code.Class() == 2 && e.Command != EndOfData && e.Command != NoCommand:
		e.Dialogue = true
	case e.Direction == Received:
		e.Deliveries = 1
	}
	if name, addr, _, ok := cutHost(remote); ok {
		e.Remote, e.Addr = name, addr
	} else if _, err := netip.ParseAddr(string(remote)); err == nil {
		e.Addr = remote
	} else {
		e.Remote = remote
	}
	l.emit(e)
}

// commandNamed returns the command with that name, in upper or lower case, or else
// the command that text, a client's line, begins with.
func commandNamed(text []byte) Command {
	if len(text) == 0 {
		return NoCommand
	}
	if i := slices.Index(commandNames[:], strings.ToLower(string(text))); i > 0 {
		return Command(i)
	}
	return commandOf(text)
}
