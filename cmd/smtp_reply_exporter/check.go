package main

import (
	"fmt"
	"io"
	"os"

	"smtp_reply_exporter/exporter/setup"
)

// check is --config.check: it says on out what would be followed, and on warnings what is
// wrong with that. Only a configuration that is not valid is an error.
func (s *server) check(out, warnings io.Writer) error {
	cfg, _, err := s.load()
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "the configuration is valid")
	warned := false
	for _, look := range setup.LookAt(cfg) {
		fmt.Fprintf(out, "%s: %s\n", look.Name, look.Is)
		for _, warning := range look.Warnings {
			warned = true
			fmt.Fprintf(warnings, "warning: %s: %v\n", look.Name, warning)
		}
	}
	if !warned && os.Geteuid() == 0 {
		fmt.Fprintln(out, "checked as root, who may read everything; run it as the exporter's user to check the permissions")
	}
	return nil
}
