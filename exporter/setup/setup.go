// Package setup loads a configuration and checks it completely, in the same way for
// serve, its --config.check and reload, and parse.
package setup

import (
	"fmt"

	"smtp_reply_exporter/exporter/classify"
	"smtp_reply_exporter/exporter/config"
	"smtp_reply_exporter/exporter/discover"
	"smtp_reply_exporter/exporter/source/listen"
)

// Load returns the configuration in the file at path and its classifier. Errors begin
// with path, and name the line and the field if they are known. Load opens only that
// file.
func Load(path string) (*config.Config, *classify.Classifier, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, nil, err
	}
	return check(cfg)
}

// Default returns the configuration for a host without a configuration file, and its
// classifier. Its only source is followed, the one that the state names. If that is nil,
// it is the one that discover.Source finds below root.
func Default(root string, followed *config.Source) (*config.Config, *classify.Classifier, error) {
	if followed == nil {
		source, err := discover.Source(root)
		if err != nil {
			return nil, nil, err
		}
		followed = &source
	}
	return check(&config.Config{State: config.DefaultState, Sources: []config.Source{*followed}})
}

// check lets the packages that use parts of cfg check these, and returns cfg and its
// classifier.
func check(cfg *config.Config) (*config.Config, *classify.Classifier, error) {
	for i, s := range cfg.Sources {
		if s.Syslog == "" {
			continue
		}
		if _, err := listen.New(listen.Config{URL: s.Syslog, Allow: s.AllowNetworks}); err != nil {
			return nil, nil, cfg.Errorf(fmt.Sprintf("sources[%d].syslog", i), "%w", err)
		}
	}
	classifier, err := classify.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	return cfg, classifier, nil
}
