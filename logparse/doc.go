// Package logparse reads the logs of mail servers and returns the SMTP replies
// in them: the replies that the server sent to its clients, and those that it
// received from other servers.
//
// A [Parser] takes the lines of one log in order. It parses each line in two
// steps: it takes off the [Envelope] (syslog in its many forms, journalctl's JSON,
// Docker's and Kubernetes' container logs), and the grammar of the MTA whose
// program logged the line reads the message. It returns a [Result] with events:
// replies, refusals whose code the log does not show, and deliveries that ended
// without a reply. The Result also counts the lines that the logger reports lost.
//
// One log may mix the lines of all [MTAs]: the program or the form of a line
// identifies its MTA. It may also mix the lines of several hosts, whose sessions are kept
// apart. A [Format] reads logs that no grammar knows, and a [Header] envelopes in a form
// that is not known. README.md lists what each MTA's log shows, and what it never shows.
//
// Events count replies on the wire. A line that shows again what another line
// shows has events marked Repeat. A line that stands for several replies has
// events with a Count. A reply is marked Implied if the line does not show its
// code, but the MTA's source leaves no other.
//
// Strangers choose much of a line: HELO names, addresses, subjects, user names,
// reply texts. The grammars therefore read a line by its structure from the left,
// and never search it for what looks like a reply. A hostile line yields what it
// really shows or nothing. It never causes an error, and memory stays bounded.
//
// The catalogue ([Codes], [Code.Info], [EnhancedCode.Info]) says what the codes
// mean.
package logparse
