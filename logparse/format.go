package logparse

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// The groups that a Format's expressions may have.
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

// shapeFormat is the shape of lines that an expression of a Format matches, but with
// a group whose text is not what it should be.
const shapeFormat = "format"

// A Format describes the log of an MTA that this package does not know by regular
// expressions. Each line that matches one is a reply. Unlike the built-in grammars,
// a Format allocates and keeps nothing between lines.
type Format struct {
	mta         string
	expressions []formatExpression
}

type formatExpression struct {
	*regexp.Regexp
	direction string      // "" where it has a group for it
	group     map[int]int // index of formatGroups to the expression's own
}

// NewFormat returns the format of an MTA, without expressions yet.
func NewFormat(mta string) *Format { return &Format{mta: mta} }

// Add adds an expression for one form of lines. It is matched against the whole
// line, or against what a container runtime or the journal says was logged. The
// first of a Format's expressions that matches reads the reply. direction is
// "sent" or "received", or "" where the group direction has one of these words.
// The error says what is wrong with the expression.
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

// NewParser returns a parser that reads every line of a log by the Format.
func (f *Format) NewParser() *Parser {
	p := NewParser()
	p.format = &formatLine{line: p.line, Format: f}
	return p
}

// A formatLine is a line of a Format.
type formatLine struct {
	*line
	*Format
	reply []byte // the text of the event, which the line may not show in one piece
}

// parse reads text, the line as it was logged; where it is nil, the message.
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
			l.tell(e.direction, groups)
			return
		}
	}
}

// tell adds the event of a line. groups are the texts of its groups in the order
// of formatGroups.
func (l *formatLine) tell(direction string, groups [7][]byte) {
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

// commandNamed returns the command of that name, in any case, or else the one
// that a client's line begins with.
func commandNamed(text []byte) Command {
	if len(text) == 0 {
		return NoCommand
	}
	if i := slices.Index(commandNames[:], strings.ToLower(string(text))); i > 0 {
		return Command(i)
	}
	return commandOf(text)
}
