package logparse

var eximShapes []string

type exim struct {
	*line
}

func newExim(l *line) grammar { return &exim{line: l} }

func (l *exim) tables() []remembered { return nil }

func (l *exim) parse() (shape string) { return "" }
