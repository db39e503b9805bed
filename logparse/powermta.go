package logparse

var powerMTAShapes []string

type powerMTA struct {
	*line
}

func newPowerMTA(l *line) grammar { return &powerMTA{line: l} }

func (l *powerMTA) tables() []remembered { return nil }

func (l *powerMTA) parse() (shape string) { return "" }
