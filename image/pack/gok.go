package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// gokModule is gokrazy's packer, gok, and the UEFI firmware that boots an image in QEMU.
var gokModule = module{"github.com/gokrazy/tools", "v0.0.0-20260109180632-8ed49b4fafc7", "h1:eC9rmwSgeXHqX2ViTu3n6ajvtIioPadZMqKsDpRm2Dk="}

// module is a Go module with its checksum, as in a go.sum.
type module struct{ path, version, sum string }

// edits make gok's images the same bytes wherever and whenever they are built, and give partitions their sizes. Each must be found as often as it says:
// a gok that is put together differently is noticed, not built.
var edits = []struct {
	file, old, new string
	times          int
}{
	{"internal/packer/write.go", "time.Now()", "stamp()", 7},
	{"internal/packer/write.go", "st.ModTime(), st.Mode()", "stamp(), st.Mode()", 1},
	{"internal/packer/packerprepare.go", "time.Now().Format", "stamp().Format", 1},
	{"internal/packer/sbom.go", "config.InstanceConfigPath(),", `"config.json",`, 1},
	{"internal/packer/cacerts.go", "range certFiles", "range []string(nil)", 1}, // its own bundle, not the host's
	{"internal/packer/localtime.go", `"/etc/localtime"`, `""`, 1},               // none, not the host's
	{"internal/packer/packerwrite.go", "*512+100*MB", "*512+256*MB", 1},         // where root A is
	{"packer/packer.go", "(100 * MB / 512)", "(256 * MB / 512)", 3},             // the boot partition, see disk.go
	{"packer/packer.go", "(500 * MB / 512)", "(400 * MB / 512)", 4},             // each root
	{"packer/packer.go", "(1100 * MB / 512)", "(1056 * MB / 512)", 2},           // all three
}

const stampFile = `package packer

import (
	"os"
	"strconv"
	"time"
)

func stamp() time.Time {
	n, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		panic("SOURCE_DATE_EPOCH: " + err.Error())
	}
	return time.Unix(n, 0).UTC()
}
`

// buildGok builds gok, once for each version of it, of the edits and of Go, and takes out the UEFI firmware.
func (b *build) buildGok() error {
	goVersion, err := b.output("", "go", "env", "GOVERSION")
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%.6x", sha256.Sum256([]byte(fmt.Sprint(gokModule, edits, stampFile, goVersion))))
	b.gok = filepath.Join(b.cache, "gok-"+key)
	if _, err := os.Stat(b.gok); err == nil {
		return nil
	}
	from, err := b.download(gokModule)
	if err != nil {
		return err
	}
	src := filepath.Join(b.cache, "gok-src")
	if err := copyTree(src, from); err != nil {
		return err
	}
	for _, e := range edits {
		path := filepath.Join(src, e.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if n := strings.Count(string(text), e.old); n != e.times {
			return fmt.Errorf("%s has %q %d times, expected %d: is it another version?", e.file, e.old, n, e.times)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), e.old, e.new)), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(src, "internal/packer/stamp.go"), []byte(stampFile), 0o644); err != nil {
		return err
	}
	uefi, err := filepath.Glob(filepath.Join(src, "third_party/edk2-*/QEMU_EFI.fd"))
	if err != nil || len(uefi) != 1 {
		return fmt.Errorf("UEFI firmware: found %d in %s", len(uefi), gokModule.path)
	}
	if err := copyFile(filepath.Join(b.cache, "QEMU_EFI.fd"), uefi[0], 0o644); err != nil {
		return err
	}
	if err := b.run(src, "go", "build", "-o", b.gok, "./cmd/gok"); err != nil {
		return err
	}
	return os.RemoveAll(src)
}

// download fetches a module and holds it against its checksum. Not `go install PATH@VERSION`, which also asks which
// other versions there are.
func (b *build) download(m module) (dir string, err error) {
	out, err := b.outputWith([]string{"GOFLAGS="}, os.TempDir(), "go", "mod", "download", "-json", m.path+"@"+m.version)
	if err != nil {
		return "", err
	}
	var got struct{ Dir, Sum string }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		return "", err
	}
	if got.Sum != m.sum {
		return "", fmt.Errorf("%s@%s has checksum %s, expected %s", m.path, m.version, got.Sum, m.sum)
	}
	return got.Dir, nil
}
