// Command smtp_reply_exporter counts the SMTP replies in the logs of mail servers, for
// Prometheus. It has the commands serve, parse and explain.
package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
)

const name = "smtp_reply_exporter"

func main() {
	app := kingpin.New(name, "Counts the SMTP replies that mail servers log, for Prometheus.")
	app.UsageWriter(os.Stdout)
	app.HelpFlag.Short('h')
	app.Version(version.Print(name))
	logging := &promslog.Config{}
	flag.AddFlags(app, logging)
	logger := func() *slog.Logger { return promslog.New(logging) }

	commands := map[string]func() error{}
	addServe(app, commands, logger)
	addParse(app, commands, os.Stdout)
	addExplain(app, commands, os.Stdout)

	command := kingpin.MustParse(app.Parse(os.Args[1:]))
	if err := commands[command](); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}
