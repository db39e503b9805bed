package logparse

import "bytes"

// A sendmailSession is what the lines of one process showed of its present SMTP
// session, or of the connection of which it is the client. Its fields are
// exported for encoding/binary.
type sendmailSession struct {
	dialogue
	Milter bool // a milter= line showed what the next Milter: line shows again
	// Announced is the code of a refusal that a line showed and the dialogue shows next.
	Announced Code
	Verdict   Code // of the reply to later commands
	LastText  hash // of the dialogue's last reply
	Said      hash // of its words, if it refused a recipient
	Header    hash // of the message that a header's ruleset refused
	More      hash // of a delivery whose recipients go on in the next line
	Client    sendmailClient
}

func (s *sendmailSession) valid() bool { return s.dialogue.valid() && s.Client.valid() }

// session returns the session of the process that logged the line. Its beginning may be
// missing, or was never logged, as that of sendmail -bs.
func (l *sendmail) session() *sendmailSession {
	s := l.sessions.get(l.process())
	if s == nil {
		s = l.sessions.put(l.process())
		s.Joined = true
	}
	return s
}

// switchTo makes the session that of the client with an address. It is a new
// session if it was that of another client.
func (s *sendmailSession) switchTo(addr []byte) {
	if bytes.Equal(s.Client.Addr.bytes(), addr) {
		return
	}
	if s.Client.Addr.Len > 0 {
		*s = sendmailSession{dialogue: dialogue{Joined: true}}
	}
	s.Client.Addr.set(addr)
}

// A sendmailClient is the client of a session.
type sendmailClient struct {
	Authenticated bool
	Addr          address // none where no line showed it
}

func (c *sendmailClient) valid() bool { return c.Addr.valid() }

// addTo adds what is known of the client to the event of a reply to it. The
// client goes by its address where the line has no name.
func (c *sendmailClient) addTo(e *Event) {
	e.Addr, e.Authenticated = c.Addr.bytes(), c.Authenticated
	if e.Remote == nil {
		e.Remote = e.Addr
	}
}

// A sendmailMessage is a message whose text came from a client over the network.
type sendmailMessage struct {
	Client   sendmailClient
	Accepted bool
}

func (m *sendmailMessage) valid() bool { return m.Client.valid() }

// messageKey is the key of a queue id, which the MTA's processes share.
func (l *sendmail) messageKey(id []byte) hash { return l.seed.add(l.env.Host).add(id) }
