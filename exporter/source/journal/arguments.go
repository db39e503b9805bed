package journal

import "slices"

// checkArgs returns the arguments of the first step.
func (r *Reader) checkArgs() []string {
	return slices.Concat([]string{"--no-pager", "--lines=0"}, r.boots(), r.cfg.ExtraArgs)
}

// boots returns the option for the entries of all boots. With --follow, the default is
// this boot, whose id journalctl reads from /proc. In a container, a unit with
// ProtectKernelTunables=yes or ProtectControlGroups=yes sees the host's id there, which no
// entry of the container has.
func (r *Reader) boots() []string {
	if r.thisBoot {
		return nil
	}
	return []string{"--boot=all"}
}

// withMatches appends the matches, and one for journald's reports of lost messages.
func (r *Reader) withMatches(args []string) []string {
	return slices.Concat(args, []string{"--"}, r.cfg.Matches, []string{"+", "MESSAGE_ID=" + droppedID, "_TRANSPORT=driver"})
}
