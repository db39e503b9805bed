package logparse

var qmailShapes []string

type qmail struct {
	*line
}

func newQmail(l *line) grammar { return &qmail{line: l} }

func (l *qmail) tables() []remembered { return nil }

func (l *qmail) parse() (shape string) { return "" }
