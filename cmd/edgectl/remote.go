package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"edgekit.internal/hardware/whole"
)

// A kit on another machine is named by its console's address. This machine pairs with it, once, as a phone does, and from
// then on has an operator's session there; the kit's own certificate is pinned by its fingerprint, which is on the kit's
// set-up slip. Both are in the file kits.json in the user's folder of settings, mode 0600, by address:
type known struct {
	Cookie      string `json:"cookie"` // NAME=VALUE
	Fingerprint string `json:"fingerprint,omitempty"`
}

func kitsFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "edgekit", "kits.json"), nil
}

func readKits() (map[string]known, error) {
	path, err := kitsFile()
	if err != nil {
		return nil, err
	}
	all := map[string]known{}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fault{fmt.Errorf("%s: %w: remove it, and pair again", path, err)}
	}
	return all, nil
}

func writeKits(all map[string]known) error {
	path, err := kitsFile()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return whole.Replace(path, text)
}

// remote is the console's origin, when --kit names one.
func remote(kit string) (origin string, ok bool) {
	u, err := url.Parse(kit)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	return u.Scheme + "://" + u.Host, true
}

// changed is when a kit shows another certificate than it did when it was paired.
type changed struct{ origin string }

func (c changed) Error() string {
	return fmt.Sprintf("%s shows another certificate than when this machine was paired: it is another kit, or somebody is in between. If the card was flashed again, pair again: edgectl --kit %s pair CODE", c.origin, c.origin)
}

// transport trusts one certificate, or, before pairing, any that comes, and tells which.
func transport(origin, fingerprint string, seen *string) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // nobody vouches for a kit's name; VerifyConnection holds it to its own certificate
		VerifyConnection: func(s tls.ConnectionState) error {
			sum := sha256.Sum256(s.PeerCertificates[0].Raw)
			*seen = hex.EncodeToString(sum[:])
			if fingerprint != "" && *seen != fingerprint {
				return changed{origin}
			}
			return nil
		}}}
}

// far is a client for a kit that this machine has paired with, and what its requests start with.
func far(origin string, limit time.Duration) (*http.Client, string, http.Header, error) {
	all, err := readKits()
	if err != nil {
		return nil, "", nil, err
	}
	k, ok := all[origin]
	if !ok {
		return nil, "", nil, fault{fmt.Errorf("this machine is not paired with %s: edgectl --kit %s pair CODE, with the code on its set-up slip or console", origin, origin)}
	}
	return &http.Client{Timeout: limit, Transport: transport(origin, k.Fingerprint, new(string))}, origin + "/api/operator/control", http.Header{"Cookie": {k.Cookie}}, nil
}

// pairVerb pairs this machine.
type pairVerb struct {
	Code        string `arg:"" help:"The pairing code, NNN-NNN, on the kit's set-up slip or console."`
	Fingerprint string `help:"The certificate's fingerprint as the set-up slip has it: refuse any other." placeholder:"SHA-256"`
}

func (v pairVerb) Run(k *kit, p *printer) error {
	origin, ok := remote(k.dir)
	if !ok {
		return fault{errors.New("only a kit on another machine needs pairing: name it by its console's address, such as --kit https://192.168.1.5:8443")}
	}
	want := strings.ToLower(strings.NewReplacer(":", "", " ", "", "-", "").Replace(v.Fingerprint))
	body, err := json.Marshal(map[string]any{"code": v.Code, "now": time.Now().UnixMilli()})
	if err != nil {
		return err
	}
	seen := ""
	client := http.Client{Timeout: patience, Transport: transport(origin, want, &seen)}
	res, err := client.Post(origin+"/api/operator/pair", "application/json", bytes.NewReader(body))
	if errors.As(err, new(changed)) {
		return fault{fmt.Errorf("%s shows a certificate with fingerprint %s, not the one that was given: it is another kit, or somebody is in between", origin, seen)}
	}
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", origin, err)
	}
	defer res.Body.Close()
	if err := refused(res); err != nil {
		return err
	}
	cookies := res.Cookies()
	if len(cookies) == 0 {
		return fmt.Errorf("%s gave no session", origin)
	}
	all, err := readKits()
	if err != nil {
		return err
	}
	all[origin] = known{cookies[0].Name + "=" + cookies[0].Value, seen}
	if err := writeKits(all); err != nil {
		return err
	}
	return p.table(map[string]string{"kit": origin, "fingerprint": seen}, nil, [][]string{{"paired with", origin}, {"certificate", seen}})
}
