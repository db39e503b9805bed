package logparse

var kumoMTAShapes []string

type kumoMTA struct {
	*line
}

func newKumoMTA(l *line) grammar { return &kumoMTA{line: l} }

func (l *kumoMTA) tables() []remembered { return nil }

func (l *kumoMTA) parse() (shape string) { return "" }
