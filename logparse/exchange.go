package logparse

var exchangeShapes []string

type exchange struct {
	*line
}

func newExchange(l *line) grammar { return &exchange{line: l} }

func (l *exchange) tables() []remembered { return nil }

func (l *exchange) parse() (shape string) { return "" }
