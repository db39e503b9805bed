package logparse

var openSMTPDShapes []string

type openSMTPD struct {
	*line
}

func newOpenSMTPD(l *line) grammar { return &openSMTPD{line: l} }

func (l *openSMTPD) tables() []remembered { return nil }

func (l *openSMTPD) parse() (shape string) { return "" }
