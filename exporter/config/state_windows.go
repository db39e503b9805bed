package config

// DefaultState is the state file if the configuration names none.
const DefaultState = `C:\ProgramData\smtp_reply_exporter\state`
