package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"edgekit.internal/hardware/whole"
)

// certificateFile is in the data folder, mode 0600: the operators' certificate and its key as PEM. Written once, by whole
// file rename; a crash leaves either none or a good one.
const certificateFile = "operator.pem"

// Certificate reads the certificate of a kit's operators' side from a folder, or makes one there: people know it by its
// fingerprint, so it stays the same. A damaged one is replaced, since without any nobody could come in to mend that.
//
// A kit has no name that anybody could certify, so it certifies itself. Neither the kit's clock, which may say 1970, nor
// that of the phone that looks at it matters: it is good for both.
func Certificate(dir, kit string) (c tls.Certificate, err error) {
	path := filepath.Join(dir, certificateFile)
	b, err := os.ReadFile(path)
	if err == nil {
		if c, err = tls.X509KeyPair(b, b); err == nil {
			return c, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("identity: certificate: %w", err)
	}
	if b, err = newCertificate(kit); err != nil {
		return c, fmt.Errorf("identity: certificate: %w", err)
	}
	if c, err = tls.X509KeyPair(b, b); err != nil {
		return c, fmt.Errorf("identity: certificate: %w", err)
	}
	if err := whole.Replace(path, b); err != nil {
		return c, fmt.Errorf("identity: certificate: %w", err)
	}
	return c, nil
}

func newCertificate(kit string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "edgekit " + kit}, NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: []string{"edgekit", "edgekit.local"}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}

// Fingerprint is a certificate's SHA-256 as browsers show it: 32 bytes in hex, in groups of 4 digits.
func Fingerprint(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	var groups []string
	for i := 0; i < len(sum); i += 2 {
		groups = append(groups, fmt.Sprintf("%02X%02X", sum[i], sum[i+1]))
	}
	return strings.Join(groups, " ")
}
