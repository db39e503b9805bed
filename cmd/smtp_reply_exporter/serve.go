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
	"smtp_reply_exporter/exporter/discover"
	"smtp_reply_exporter/exporter/metrics"
	"smtp_reply_exporter/exporter/pipeline"
	"smtp_reply_exporter/exporter/setup"
	"smtp_reply_exporter/exporter/state"
	"smtp_reply_exporter/exporter/status"
	"smtp_reply_exporter/exporter/web"
)

// Without scrapes, the state is written soon after the start, so that a restart has
// positions to resume from, and then every minute.
const (
	firstCommit    = time.Second
	commitInterval = time.Minute
)

// shutdownTime is how long a shutdown waits for running scrapes.
const shutdownTime = 5 * time.Second

// A server holds the flags of serve.
type server struct {
	configFile    *string
	telemetryPath *string
	lifecycle     *bool
	web           *toolkit.FlagConfig
	logger        *slog.Logger
	followed      *config.Source // without a configuration; nil before the first load
}

func addServe(app *kingpin.Application, commands map[string]func() error, logger func() *slog.Logger) {
	cmd := app.Command("serve", "Follow the logs and serve the counts on /metrics (the default).").Default()
	s := &server{
		configFile:    cmd.Flag("config.file", "Configuration file. Without it, serve follows the usual mail log of this host.").String(),
		telemetryPath: cmd.Flag("web.telemetry-path", "Path under which to expose metrics.").Default("/metrics").String(),
		lifecycle:     cmd.Flag("web.enable-lifecycle", "Reload the configuration on POST /-/reload.").Bool(),
		web:           kingpinflag.AddFlags(cmd, ":10451"),
	}
	check := cmd.Flag("config.check", "Check the configuration, say what would be followed and what is wrong with it, and exit.").Bool()
	commands[cmd.FullCommand()] = func() error {
		if *check {
			return s.check(os.Stdout, os.Stderr)
		}
		s.logger = logger()
		return s.run()
	}
}

// load loads the configuration file. Without one, it returns the default configuration
// of this host, which keeps to what was followed before: by this process, or else by the
// one that wrote the state.
func (s *server) load() (*config.Config, *classify.Classifier, error) {
	if *s.configFile != "" {
		return setup.Load(*s.configFile)
	}
	if s.followed == nil {
		// A file that Peek cannot read is reported where it is opened.
		if payload, version, err := state.Peek(config.DefaultState); err == nil {
			if s.followed, err = pipeline.Followed(payload, version); err != nil {
				return nil, nil, err
			}
		}
	}
	cfg, classifier, err := setup.Default("/", s.followed)
	if err == nil {
		s.followed = &cfg.Sources[0]
	}
	return cfg, classifier, err
}

// run serves until SIGINT or SIGTERM.
func (s *server) run() error {
	if !strings.HasPrefix(*s.telemetryPath, "/") {
		return fmt.Errorf("--web.telemetry-path: %q does not begin with a slash; use a path such as /metrics", *s.telemetryPath)
	}
	if strings.ContainsAny(*s.telemetryPath, "{} ") || strings.HasPrefix(*s.telemetryPath, "/-/") {
		return fmt.Errorf("--web.telemetry-path: %q is not a plain path, or is taken; use a path such as /metrics", *s.telemetryPath)
	}
	cfg, classifier, err := s.load()
	if err != nil {
		return err
	}
	s.logger.Info("starting "+name, "version", version.Info())
	if *s.configFile == "" {
		s.announce(cfg)
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
		s.logger.Info("the configuration was reloaded")
		if cfg.State != statePath {
			s.logger.Warn("the state file of the new configuration is used only after a restart", "state", cfg.State)
		}
		return nil
	}
	options := web.Options{
		TelemetryPath: *s.telemetryPath, Registry: registry, Ready: counts.Ready, Blind: counts.Blind,
		Counts: func(wait time.Duration) prometheus.Collector { return metrics.NewCollector(counts.Commit(wait)) },
	}
	if *s.lifecycle {
		options.Reload = reload
	}
	host, _ := os.Hostname() // the page does without
	page := status.NewPage(status.About{
		Name: name, Version: version.Version, Host: host, Stateless: cfg.State == "",
		Metrics: "." + *s.telemetryPath,
	}, counts.Look)
	options.Page = page
	return s.serve(web.NewHandler(options), page, counts, reload)
}

// announce logs what is followed without a configuration.
func (s *server) announce(cfg *config.Config) {
	from := cfg.Sources[0].String()
	s.logger.Info("no --config.file; reading the usual mail log of this host", "from", from)
	if discover.Missing("/", &cfg.Sources[0]) {
		s.logger.Warn("waiting for the log to be there again; to follow another one, name it with --config.file, or move the state file away",
			"log", from, "state", cfg.State)
	}
}

// pipeline opens the state file and returns a Pipeline that resumes from it.
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
			s.logger.Warn("no state is kept; after a restart, counters start at 0 and logs are read from their ends", "err", err)
		case file.Damage != nil:
			s.logger.Warn("the newest state is damaged; resuming from the one before it", "state", cfg.State, "err", file.Damage)
		}
	}
	counts, err := pipeline.New(cfg, classifier, s.logger, file, payload)
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// serve runs the Pipeline and the HTTP server until the server fails or the process
// receives SIGINT or SIGTERM. Then it ends both.
func (s *server) serve(handler http.Handler, page *status.Page, counts *pipeline.Pipeline, reload func() error) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	httpServer := web.NewServer(handler)
	failed := make(chan error, 1)
	go func() { failed <- toolkit.ListenAndServe(httpServer, s.web, s.logger) }()

	reading, stopReading := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { counts.Run(reading) })
	defer func() {
		stopReading()
		done.Wait()
		if err := counts.Close(); err != nil {
			s.logger.Error("closing the state failed", "err", err)
		}
	}()
	commit := time.NewTimer(firstCommit)
	defer commit.Stop()

	for {
		select {
		case <-commit.C:
			page.Add(counts.Commit(pipeline.CommitTime))
			commit.Reset(commitInterval)
		case err := <-failed:
			if errors.Is(err, syscall.EADDRINUSE) {
				err = fmt.Errorf("%w; stop the exporter that is already running, or choose another address with --web.listen-address", err)
			}
			return err
		case <-hangup:
			if err := reload(); err != nil {
				s.logger.Error("the configuration was not reloaded; the former one remains in force", "err", err)
			}
		case <-ctx.Done():
			s.logger.Info("stopping")
			ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
			defer cancel()
			if httpServer.Shutdown(ctx) != nil { // somebody still reads
				_ = httpServer.Close()
			}
			return nil
		}
	}
}
