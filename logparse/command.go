package logparse

// A Command is the SMTP or LMTP command that a reply answers.
type Command uint8

// The commands. HELO, EHLO and LHLO are one, and so are the ends of DATA and BDAT.
const (
	NoCommand Command = iota // the log does not say
	Connect                  // the greeting
	Ehlo
	StartTLS
	Auth
	Mail
	Rcpt
	Data
	EndOfData
	Rset
	Vrfy
	Etrn
	Quit
	OtherCommand
	numCommands
)

var commandNames = [numCommands]string{
	"", "connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data",
	"end_of_data", "rset", "vrfy", "etrn", "quit", "other",
}

// String returns the command's name, the value of the label command; "" for
// NoCommand and for a value that is no command.
func (c Command) String() string { return nameOf(commandNames[:], c) }

// commandOf returns the command that a client's line begins with. Verbs are
// case-insensitive (RFC 5321 §2.4).
func commandOf(line []byte) Command {
	var verb [8]byte
	n := 0
	for n < len(line) && line[n] != ' ' && line[n] != '\t' {
		if n == len(verb) {
			return OtherCommand
		}
		verb[n] = line[n]
		if 'a' <= verb[n] && verb[n] <= 'z' {
			verb[n] -= 'a' - 'A'
		}
		n++
	}
	switch string(verb[:n]) {
	case "EHLO", "HELO", "LHLO":
		return Ehlo
	case "STARTTLS":
		return StartTLS
	case "AUTH":
		return Auth
	case "MAIL":
		return Mail
	case "RCPT":
		return Rcpt
	case "DATA":
		return Data
	case ".":
		return EndOfData
	case "RSET":
		return Rset
	case "VRFY":
		return Vrfy
	case "ETRN":
		return Etrn
	case "QUIT":
		return Quit
	}
	return OtherCommand
}
