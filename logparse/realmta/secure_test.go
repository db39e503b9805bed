//go:build realmta

package realmta

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

// certificate makes a certificate that signs itself, in a name.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{mtaName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// authPlain and authCRAM are the steps of a login that fails.
func authPlain(user, want string) []step {
	return []step{{"AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00secret")), want}}
}

func authCRAM(user, want string) []step {
	answer := fmt.Sprintf("%s %s", user, strings.Repeat("0", 32))
	return []step{{"AUTH CRAM-MD5", "334"}, {base64.StdEncoding.EncodeToString([]byte(answer)), want}}
}
