package access

import "io/fs"

// remedy returns nothing: who may read a file is not in its mode.
func remedy(string, fs.FileInfo) string { return "" }
