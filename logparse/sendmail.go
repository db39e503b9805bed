package logparse

var sendmailShapes []string

type sendmail struct {
	*line
}

func newSendmail(l *line) grammar { return &sendmail{line: l} }

func (l *sendmail) tables() []remembered { return nil }

func (l *sendmail) parse() (shape string) { return "" }
