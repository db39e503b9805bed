//go:build !windows

package config

// DefaultState is the state file if the configuration names none.
const DefaultState = "/var/lib/smtp_reply_exporter/state"
