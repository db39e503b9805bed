package replay

import (
	"context"
	"path/filepath"
)

// Alertmanager starts the host's Alertmanager with a configuration file. It creates files
// in dir, which the caller removes after stop.
func Alertmanager(ctx context.Context, dir, config string) (address string, stop func() error, err error) {
	address, err = freeAddress()
	if err != nil {
		return "", nil, err
	}
	stop, err = start(ctx, address+"/-/ready", "prometheus-alertmanager", "--config.file="+config,
		"--storage.path="+filepath.Join(dir, "alertmanager"), "--web.listen-address="+address, "--cluster.listen-address=")
	return address, stop, err
}
