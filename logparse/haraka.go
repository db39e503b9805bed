package logparse

var harakaShapes []string

type haraka struct {
	*line
}

func newHaraka(l *line) grammar { return &haraka{line: l} }

func (l *haraka) tables() []remembered { return nil }

func (l *haraka) parse() (shape string) { return "" }
