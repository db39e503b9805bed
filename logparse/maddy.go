package logparse

var maddyShapes []string

type maddy struct {
	*line
}

func newMaddy(l *line) grammar { return &maddy{line: l} }

func (l *maddy) tables() []remembered { return nil }

func (l *maddy) parse() (shape string) { return "" }
