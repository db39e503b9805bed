package logparse

var hMailServerShapes []string

type hMailServer struct {
	*line
}

func newHMailServer(l *line) grammar { return &hMailServer{line: l} }

func (l *hMailServer) tables() []remembered { return nil }

func (l *hMailServer) parse() (shape string) { return "" }
