module smtp_reply_exporter/cmd/tailbaseline

go 1.26.0

require (
	github.com/hpcloud/tail v1.0.0
	smtp_reply_exporter v0.0.0
)

require (
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/ulikunitz/xz v0.5.17 // indirect
	golang.org/x/sys v0.49.0 // indirect
	gopkg.in/fsnotify.v1 v1.4.7 // indirect
	gopkg.in/tomb.v1 v1.0.0-20141024135613-dd632973f1e7 // indirect
)

replace smtp_reply_exporter => ../..
