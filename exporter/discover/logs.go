package discover

import (
	"path/filepath"
	"runtime"
	"strings"
)

// usualLogs are the paths where distributions and MTAs log mail. Source chooses only
// one, because several may hold the same lines. It chooses the first log with recent
// lines of an MTA, because mail.log may hold only Dovecot's lines on a host that runs
// Exim. If there is none, it chooses the first log that exists. A log that was rotated
// lately exists, even if its writer has yet to create it again. Paths may be globs.
var usualLogs = []string{
	"/var/log/mail.log",      // Debian, Ubuntu
	"/var/log/maillog",       // RHEL, the BSDs, Plesk
	"/var/log/mail",          // SUSE
	"/var/log/mail/mail.log", // where /var/log/mail is a directory
	"/var/log/zimbra.log",    // Zimbra
	"/var/log/exim4/mainlog", // Exim on Debian
	"/var/log/exim/main.log", // Exim on RHEL
	"/var/log/exim/mainlog",  // Exim on FreeBSD
	"/var/log/exim_mainlog",  // Exim under cPanel
	"/var/log/qmail/current", // qmail under multilog
	// KumoMTA's segments; programs that read them keep hidden files beside them.
	"/var/log/kumomta/[0-9]*",
}

// windowsLogs are the paths of the MTAs for Windows. The glob of Exchange has the logs of
// all its transport services, since each has other sessions.
var windowsLogs = []string{
	"C:/Program Files/Microsoft/Exchange Server/V15/TransportRoles/Logs/*/ProtocolLog/Smtp*/*.LOG",
	"C:/Program Files (x86)/hMailServer/Logs/hmailserver_[0-9]*.log",
	"C:/Program Files/hMailServer/Logs/hmailserver_[0-9]*.log",
}

// logsOf returns the usual logs of an operating system.
func logsOf(goos string) []string {
	if goos == "windows" {
		return windowsLogs
	}
	return usualLogs
}

// below returns a usual log below root, which is "/" except in tests.
func below(root, log string) string {
	if runtime.GOOS == "windows" && root == "/" {
		return filepath.FromSlash(log)
	}
	return filepath.Join(root, strings.TrimPrefix(log, "C:"))
}

func isGlob(log string) bool { return strings.ContainsAny(log, "*?[") }
