package journal

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// machineIDFile names this host in its journal, see machine-id(5).
const machineIDFile = "/etc/machine-id"

// checkArgs returns the arguments of the first step.
func (r *Reader) checkArgs() []string {
	return slices.Concat([]string{"--no-pager", "--lines=0"}, r.cfg.ExtraArgs)
}

// readArgs returns the arguments of the other steps. Without an entry to begin at, they
// set dropping.
func (r *Reader) readArgs() []string {
	args := []string{"--no-pager", "--output=export", "--all", "--output-fields=" + outputFields}
	if !r.begun {
		args = append(args, "--cursor="+string(r.at))
	} else if r.realtime > 0 {
		r.dropping = true // --since has a resolution of a second
		args = append(args, fmt.Sprintf("--since=@%d", r.realtime/1e6))
	}
	if r.step != following {
		return r.withMatches(args, "")
	}
	args = append(args, "--follow", "--no-tail")
	// Unless it merges journals, journalctl --follow prints only entries with the boot id
	// in /proc. In a container, a unit with ProtectKernelTunables=yes or
	// ProtectControlGroups=yes sees the host's boot id there, which no entry of the
	// container has. The match keeps out the journals of other hosts.
	machine := r.machineID()
	if machine != "" {
		args = append(args, "--merge")
	}
	return r.withMatches(args, machine)
}

// probeArgs returns the arguments of the watchdog's probe.
func (r *Reader) probeArgs() []string {
	return r.withMatches([]string{"--no-pager", "--output=export", "--output-fields=" + fieldNames[fieldCursor], "--lines=1"}, "")
}

// machineID returns this host's id; "" if it is not known, or if the journal is another
// one.
func (r *Reader) machineID() string {
	if len(r.cfg.ExtraArgs) > 0 {
		return ""
	}
	id, _ := os.ReadFile(r.machineIDFile)
	if text := strings.TrimSpace(string(id)); len(text) == 32 {
		return text
	}
	return ""
}

// withMatches appends the matches, and one for journald's reports of lost messages; all of
// one machine, unless that is "".
func (r *Reader) withMatches(args []string, machine string) []string {
	args = slices.Concat(args, r.cfg.ExtraArgs, []string{"--"})
	for _, match := range slices.Concat(r.cfg.Matches, []string{"+", "MESSAGE_ID=" + droppedID, "_TRANSPORT=driver"}) {
		if match == "+" && machine != "" {
			args = append(args, "_MACHINE_ID="+machine)
		}
		args = append(args, match)
	}
	if machine != "" {
		args = append(args, "_MACHINE_ID="+machine)
	}
	return args
}
