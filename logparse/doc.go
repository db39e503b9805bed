// Package logparse reads the logs of mail servers and returns the SMTP replies
// that they tell: what the server answered its clients, and what other servers
// answered it.
//
// A [Parser] takes the lines of one log in their order. Each line goes through
// two steps: its [Envelope] (syslog in its many forms, journalctl's JSON,
// Docker's and Kubernetes' container logs) is taken off, and the message is read
// by the grammar of the MTA whose program logged it. What comes out are events:
// replies, refusals whose code the log does not tell, deliveries that no reply
// ended, and the logger's own word that it lost lines.
//
// The lines of all [MTAs] may stand mixed in one log: each says by its program or
// its form whose it is. Logs that no grammar knows are read by a [Format]. What
// each MTA's log tells, and what it never shows, is in README.md.
//
// The counts are of replies on the wire. A line that shows again what another
// one shows has events marked Repeat; a line that stands for several replies has
// events with a Count; a reply whose code is not shown, while the MTA's source
// leaves no other, is marked Implied.
//
// Lines hold much that strangers chose: HELO names, addresses, subjects, user
// names, reply texts. A line is therefore read by its structure from the left
// and never searched for what looks like a reply. A hostile line yields what it
// really tells or nothing; it never fails, and memory stays bounded.
//
// The catalogue ([Codes], [Code.Info], [EnhancedCode.Info]) says what the codes
// mean.
package logparse
