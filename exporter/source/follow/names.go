package follow

// Rotated returns the files beside a log, or beside the target of a symlink, that have
// the names of its rotated files, oldest first.
func Rotated(log string) []string {
	var names []string
	for _, r := range rotatedFrom(log) {
		names = append(names, r.name)
	}
	return names
}
