//go:build unix

package access

import (
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"syscall"
)

// The permissions to read a file, or to enter a directory.
const (
	groupReads = 0o040
	othersRead = 0o004
	toEnter    = 2 // bits to shift by
)

// remedy returns who may read a file, or enter a directory, and what to do.
func remedy(path string, info fs.FileInfo) string {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	group, others := fs.FileMode(groupReads), fs.FileMode(othersRead)
	if info.IsDir() {
		group, others = group>>toEnter, others>>toEnter
	}
	switch mode := info.Mode(); {
	case mode&others != 0:
		return fmt.Sprintf("the mode of %s allows it, so a security module such as SELinux or AppArmor, or the unit, forbids it", path)
	case mode&group != 0 && owner.Gid != 0:
		name := groupName(owner.Gid)
		return fmt.Sprintf("the group %s may read %s: add the exporter's user to it (usermod -aG %[1]s USER, or SupplementaryGroups=%[1]s in the unit), and restart the exporter", name, path)
	}
	return fmt.Sprintf("only the user %s may read %s: give the exporter's user an ACL (setfacl -m u:USER:r), or read the journal; see docs/deployment.md", userName(owner.Uid), path)
}

func groupName(id uint32) string {
	text := strconv.FormatUint(uint64(id), 10)
	if group, err := user.LookupGroupId(text); err == nil {
		return group.Name
	}
	return text
}

func userName(id uint32) string {
	text := strconv.FormatUint(uint64(id), 10)
	if owner, err := user.LookupId(text); err == nil {
		return owner.Username
	}
	return text
}
