package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/metrics"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/exporter/setup"
	"smtp_reply_exporter/exporter/state"
	"smtp_reply_exporter/exporter/web"
)

// The state is written even if nobody scrapes: soon after the start, so that
// there are positions to go on from, and then every minute.
const (
	firstCommit    = time.Second
	commitInterval = time.Minute
)

// shutdownTime is how long scrapes may take that are under way at the end.
const shutdownTime = 5 * time.Second

// A server is the daemon with its flags.
type server struct {
	configFile    *string
	telemetryPath *string
	lifecycle     *bool
	web           *toolkit.FlagConfig
	logger        *slog.Logger
}

func addServe(app *kingpin.Application, commands map[string]func() error, logger func() *slog.Logger) {
	cmd := app.Command("serve", "Follow the logs and serve the counts on /metrics (the default).").Default()
	s := &server{
		configFile:    cmd.Flag("config.file", "Configuration file. Without one, the first usual mail log of this host is followed.").String(),
		telemetryPath: cmd.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").String(),
		lifecycle:     cmd.Flag("web.enable-lifecycle", "Read the configuration again at POST /-/reload.").Bool(),
		web:           kingpinflag.AddFlags(cmd, ":10451"),
	}
	check := cmd.Flag("config.check", "Check the configuration and exit.").Bool()
	commands[cmd.FullCommand()] = func() error {
		if *check {
			_, _, err := s.load()
			if err == nil {
				fmt.Println("the configuration is good")
			}
			return err
		}
		s.logger = logger()
		return s.run()
	}
}

// load reads the configuration.
func (s *server) load() (*config.Config, *classify.Classifier, error) {
	if *s.configFile == "" {
		return setup.Default("/")
	}
	return setup.Load(*s.configFile)
}

// run serves until SIGINT or SIGTERM.
func (s *server) run() error {
	if !strings.HasPrefix(*s.telemetryPath, "/") {
		return fmt.Errorf("--web.telemetry-path: %q does not begin with a slash", *s.telemetryPath)
	}
	if strings.ContainsAny(*s.telemetryPath, "{} ") || strings.HasPrefix(*s.telemetryPath, "/-/") {
		return fmt.Errorf("--web.telemetry-path: %q is no plain path, or taken; use one such as /metrics", *s.telemetryPath)
	}
	cfg, classifier, err := s.load()
	if err != nil {
		return err
	}
	s.logger.Info("starting "+name, "version", version.Info())
	if *s.configFile == "" {
		s.logger.Info("no --config.file: reading the usual mail log of this host", "from", cfg.Sources[0].String())
	}
	counts, err := s.pipeline(cfg, classifier)
	if err != nil {
		return err
	}

	registry := prometheus.NewRegistry()
	registry.MustRegister(
		versioncollector.NewCollector(name), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	reloads := metrics.NewReloads(registry)
	var reloading sync.Mutex
	statePath := cfg.State
	reload := func() error {
		reloading.Lock()
		defer reloading.Unlock()
		cfg, classifier, err := s.load()
		if err == nil {
			err = counts.Reload(cfg, classifier)
		}
		reloads.Done(err)
		if err != nil {
			return err
		}
		s.logger.Info("the configuration was read again")
		if cfg.State != statePath {
			s.logger.Warn("another state is taken up at the next start only", "state", cfg.State)
		}
		return nil
	}
	options := web.Options{
		Name: name, TelemetryPath: *s.telemetryPath, Registry: registry, Ready: counts.Ready,
		Counts: func(wait time.Duration) prometheus.Collector { return metrics.NewCollector(counts.Commit(wait)) },
	}
	if *s.lifecycle {
		options.Reload = reload
	}
	handler, err := web.NewHandler(options)
	if err != nil {
		return err
	}
	return s.serve(handler, counts, reload)
}

// pipeline returns the pipeline of a configuration, with its state.
func (s *server) pipeline(cfg *config.Config, classifier *classify.Classifier) (*pipeline.Pipeline, error) {
	var file *state.File
	var payload []byte
	if cfg.State != "" {
		var err error
		file, payload, err = state.Open(cfg.State)
		switch {
		case err != nil && cfg.StateNamed:
			return nil, cfg.Errorf("state", "%w", err)
		case err != nil:
			s.logger.Warn("no state is kept: after a restart the counters begin at 0 and the logs at their ends", "err", err)
		case file.Damage != nil:
			s.logger.Warn("the state before the last one is taken up", "state", cfg.State, "err", file.Damage)
		}
	}
	counts, err := pipeline.New(cfg, classifier, s.logger, file, payload)
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// serve runs the daemon's parts and ends them together.
func (s *server) serve(handler http.Handler, counts *pipeline.Pipeline, reload func() error) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	httpServer := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- toolkit.ListenAndServe(httpServer, s.web, s.logger) }()

	reading, stopReading := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { counts.Run(reading) })
	defer func() {
		stopReading()
		done.Wait()
		if err := counts.Close(); err != nil {
			s.logger.Error("closing the state", "err", err)
		}
	}()
	commit := time.NewTimer(firstCommit)
	defer commit.Stop()

	for {
		select {
		case <-commit.C:
			counts.Commit(pipeline.CommitTime)
			commit.Reset(commitInterval)
		case err := <-failed:
			if errors.Is(err, syscall.EADDRINUSE) {
				err = fmt.Errorf("%w: is it running already? Another address can be given with --web.listen-address", err)
			}
			return err
		case <-hangup:
			if err := reload(); err != nil {
				s.logger.Error("the configuration was not read again: the former one stays in force", "err", err)
			}
		case <-ctx.Done():
			s.logger.Info("stopping")
			ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
			defer cancel()
			if err := httpServer.Shutdown(ctx); err != nil {
				return fmt.Errorf("stop serving: %w", err)
			}
			return nil
		}
	}
}
