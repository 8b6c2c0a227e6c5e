package update

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"
	"strings"
)

// A bundle is a tar archive: manifest.json, manifest.sig (an Ed25519 signature of it, 64 bytes), then the parts in the
// manifest's order. So what comes is known to be signed before a byte of it is written, and `tar tvf` shows what is in it.
const (
	manifestName  = "manifest.json"
	signatureName = "manifest.sig"
	maxManifest   = 1 << 20
	format        = 1
)

// signed is Ed25519ctx's context (RFC 8032, section 5.1): a signature of anything else is none of an update.
var signed = &ed25519.Options{Context: "edgekit update 1"}

// Manifest says what is in a bundle. It is what is signed.
type Manifest struct {
	Format int `json:"format"`
	Release
	Parts []Part `json:"parts"`
}

// Part is one file of a new system.
type Part struct {
	Name   string `json:"name"`   // root.squashfs, or boot/NAME, boot/overlays/NAME
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // hexadecimal
	Gzip   bool   `json:"gzip"`   // it is compressed in the bundle; size and checksum are those of the content
}

// rootPart is the root file system; bootParts go into the slot's folder of the boot partition. maxParts and the two
// sizes are what a card's partitions hold.
const (
	rootPart    = "root.squashfs"
	maxParts    = 1000
	maxRoot     = 400 << 20
	maxBootFile = 80 << 20
)

var bootPart = regexp.MustCompile(`^boot/(overlays/)?[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// check says what is wrong with a signed manifest: nothing, unless who made it made a mistake.
func (m *Manifest) check() error {
	if m.Format != format {
		return fmt.Errorf("its format is %d: expected %d", m.Format, format)
	}
	if m.Version == "" || m.Serial <= 0 || len(m.Boards) == 0 {
		return errors.New("version, serial or boards are missing")
	}
	if len(m.Parts) == 0 || len(m.Parts) > maxParts || m.Parts[0].Name != rootPart {
		return fmt.Errorf("it has %d parts: expected 2 to %d, %s first", len(m.Parts), maxParts, rootPart)
	}
	exact, names := map[string]bool{}, map[string]bool{"boot/overlays": true} // the latter as FAT sees them, and its folder
	for i, p := range m.Parts {
		most := int64(maxBootFile)
		if i == 0 {
			most = maxRoot
		} else if !bootPart.MatchString(p.Name) {
			return fmt.Errorf("part %q: expected boot/NAME or boot/overlays/NAME", p.Name)
		}
		onFAT := strings.ToLower(p.Name)
		if names[onFAT] || strings.HasSuffix(onFAT, ".") {
			return fmt.Errorf("part %q: the boot partition, a FAT, takes its name for another's", p.Name)
		}
		if sum, err := hex.DecodeString(p.SHA256); err != nil || len(sum) != sha256.Size || p.Size <= 0 || p.Size > most {
			return fmt.Errorf("part %q: size or checksum is not one", p.Name)
		}
		exact[p.Name], names[onFAT] = true, true
	}
	if !exact["boot/vmlinuz"] || !exact["boot/cmdline.txt"] {
		return errors.New("there is no boot/vmlinuz or no boot/cmdline.txt in it")
	}
	return nil
}

// Size is how many bytes an update writes.
func (m *Manifest) Size() (n int64) {
	for _, p := range m.Parts {
		n += p.Size
	}
	return n
}

// Bundle is an update that is being read.
type Bundle struct {
	Manifest
	text, sig []byte
	tar       *tar.Reader
	next      int
}

// Open reads a bundle's head. It is signed by one of the keys, or refused. Nothing is written anywhere.
func Open(r io.Reader, keys []ed25519.PublicKey) (*Bundle, error) {
	b := &Bundle{tar: tar.NewReader(r)}
	var err error
	if b.text, err = b.head(manifestName, maxManifest); err != nil {
		return nil, err
	}
	if b.sig, err = b.head(signatureName, ed25519.SignatureSize); err != nil {
		return nil, err
	}
	b.Manifest, err = Verify(b.text, b.sig, keys)
	return b, err
}

// Verify checks a manifest's signature, and the manifest.
func Verify(text, sig []byte, keys []ed25519.PublicKey) (m Manifest, err error) {
	known := false
	for _, key := range keys {
		known = known || ed25519.VerifyWithOptions(key, text, sig, signed) == nil
	}
	if !known {
		return m, refuse("signature", "This update is not signed by anybody this kit trusts. Nothing was changed. Get it again from where the kit's image came from; it may also have been damaged on its way.")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, refuse("not-a-bundle", "This update's manifest cannot be read (%v). Nothing was changed. Tell whoever made it.", err)
	}
	if err := m.check(); err != nil {
		return m, refuse("not-a-bundle", "This update is put together wrongly: %v. Nothing was changed. Tell whoever made it.", err)
	}
	return m, nil
}

func (b *Bundle) head(name string, most int64) ([]byte, error) {
	h, err := b.tar.Next()
	if err != nil || h.Name != name || h.Size > most {
		return nil, refuse("not-a-bundle", "This is not an edgekit update: expected a file such as edgekit.update, which starts with %s. Nothing was changed.", name)
	}
	text, err := io.ReadAll(b.tar)
	if err != nil {
		return nil, cutOff(err)
	}
	return text, nil
}

func cutOff(err error) error {
	return refuse("damaged", "The update broke off (%v). Nothing was changed. Send it again.", err)
}

// Next copies the next part into w. It is io.EOF after the last. What was copied is as the manifest says, or an error.
func (b *Bundle) Next(w io.Writer) (p Part, err error) {
	if b.next == len(b.Parts) {
		return p, io.EOF
	}
	p = b.Parts[b.next]
	h, err := b.tar.Next()
	if err != nil {
		return p, cutOff(fmt.Errorf("before %s: %w", p.Name, err))
	}
	if h.Name != p.Name {
		return p, refuse("damaged", "The update has %q where %q should be. Nothing was changed. Send it again.", h.Name, p.Name)
	}
	b.next++
	var from io.Reader = b.tar
	if p.Gzip {
		if from, err = gzip.NewReader(from); err != nil {
			return p, cutOff(fmt.Errorf("in %s: %w", p.Name, err))
		}
	}
	sum := newSum(w)
	n, err := io.Copy(sum, io.LimitReader(from, p.Size+1))
	if sum.err != nil {
		return p, sum.err // the writer's own
	}
	if err != nil {
		return p, cutOff(fmt.Errorf("in %s: %w", p.Name, err))
	}
	if n != p.Size || sum.hex() != p.SHA256 {
		return p, refuse("damaged", "The update's %s is damaged. Nothing was changed. Send it again.", p.Name)
	}
	return p, nil
}

// sum passes bytes on and adds them up.
type sum struct {
	w   io.Writer
	h   hash.Hash
	err error // of w
}

func newSum(w io.Writer) *sum { return &sum{w: w, h: sha256.New()} }

func (s *sum) Write(p []byte) (int, error) {
	s.h.Write(p)
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}

func (s *sum) hex() string { return hex.EncodeToString(s.h.Sum(nil)) }

// Source is a file that goes into a bundle.
type Source struct {
	Name string // in the bundle
	Text []byte
	Gzip bool // worth compressing
}

// Write makes a bundle of a release, signed with key. The same files make the same bytes.
func Write(w io.Writer, r Release, key ed25519.PrivateKey, files []Source) error {
	m := Manifest{Format: format, Release: r}
	var stored [][]byte
	for _, f := range files {
		h := sha256.Sum256(f.Text)
		m.Parts = append(m.Parts, Part{Name: f.Name, Size: int64(len(f.Text)), SHA256: hex.EncodeToString(h[:]), Gzip: f.Gzip})
		text := f.Text
		if f.Gzip {
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			if _, err := z.Write(text); err != nil {
				return err
			}
			if err := z.Close(); err != nil {
				return err
			}
			text = packed.Bytes()
		}
		stored = append(stored, text)
	}
	if err := m.check(); err != nil {
		return fmt.Errorf("update: the bundle that would be made: %w", err)
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	sig, err := key.Sign(nil, text, signed)
	if err != nil {
		return fmt.Errorf("update: sign: %w", err)
	}
	t := tar.NewWriter(w)
	put := func(name string, text []byte) error {
		if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		_, err := t.Write(text)
		return err
	}
	if err := errors.Join(put(manifestName, text), put(signatureName, sig)); err != nil {
		return err
	}
	for i, f := range files {
		if err := put(f.Name, stored[i]); err != nil {
			return err
		}
	}
	return t.Close()
}
