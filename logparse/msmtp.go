package logparse

var msmtpShapes []string

type msmtp struct {
	*line
}

func newMsmtp(l *line) grammar { return &msmtp{line: l} }

func (l *msmtp) tables() []remembered { return nil }

func (l *msmtp) parse() (shape string) { return "" }
