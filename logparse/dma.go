package logparse

var dmaShapes []string

type dma struct {
	*line
}

func newDMA(l *line) grammar { return &dma{line: l} }

func (l *dma) tables() []remembered { return nil }

func (l *dma) parse() (shape string) { return "" }
