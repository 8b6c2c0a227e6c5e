package flash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"
)

const imageLen = 6 << 20

// picture is an image: blocks that differ, and compress well.
func picture() []byte {
	b := make([]byte, 0, imageLen)
	for n := 0; len(b) < imageLen; n++ {
		b = append(b, bytes.Repeat(fmt.Appendf(nil, "%016d", n), 4096/16)...)
	}
	return b
}

// mapOf is the text of a block map as image/pack writes it.
func mapOf(image []byte, blocks ...[2]int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<bmap version="2.0">
  <ImageSize>%d</ImageSize>
  <BlockSize>4096</BlockSize>
  <BlocksCount>%d</BlocksCount>
  <MappedBlocksCount>1</MappedBlocksCount>
  <ChecksumType>sha256</ChecksumType>
  <BmapFileChecksum>%064d</BmapFileChecksum>
  <BlockMap>
`, len(image), len(image)/4096, 0)
	for _, r := range blocks {
		name := fmt.Sprintf("%d-%d", r[0], r[1])
		if r[0] == r[1] {
			name = fmt.Sprint(r[0])
		}
		sum := make([]byte, 32)
		if end := (r[1] + 1) * 4096; r[0] <= r[1] && end <= len(image) {
			s := sha256.Sum256(image[r[0]*4096 : end])
			sum = s[:]
		}
		fmt.Fprintf(&b, "    <Range chksum=\"%x\">%s</Range>\n", sum, name)
	}
	b.WriteString("  </BlockMap>\n</bmap>\n")
	return signed(b.String())
}

// signed puts a map's own sum into it.
func signed(text string) []byte {
	zero := fmt.Sprintf("%064d", 0)
	return []byte(strings.Replace(text, zero, fmt.Sprintf("%x", sha256.Sum256([]byte(text))), 1))
}

var ranges = [][2]int{{0, 99}, {300, 300}, {700, imageLen/4096 - 1}}

func parsed(t testing.TB, text []byte) *Map {
	t.Helper()
	m, err := ParseMap(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// slot is a card in memory, with what may go wrong.
type slot struct {
	text     []byte
	pulled   int64 // writes that reach beyond fail; 0: none
	fake     int64 // what is written beyond is lost; 0: none
	syncFail bool
}

func (s *slot) WriteAt(p []byte, off int64) (int, error) {
	if s.pulled > 0 && off+int64(len(p)) > s.pulled {
		n := max(0, s.pulled-off)
		copy(s.text[off:], p[:n])
		return int(n), unix.EIO
	}
	if s.fake > 0 && off >= s.fake {
		return len(p), nil
	}
	return copy(s.text[off:], p), nil
}
func (s *slot) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(s.text).ReadAt(p, off)
}
func (s *slot) Forget() error { return nil }
func (s *slot) Sync() error {
	if s.syncFail {
		return unix.EIO
	}
	return nil
}

func used(n int) *slot { return &slot{text: bytes.Repeat([]byte{0xee}, n)} }

func TestWhatTheMapNamesIsOnTheCard(t *testing.T) {
	image := picture()
	for name, m := range map[string]*Map{"with a map": parsed(t, mapOf(image, ranges...)), "without": nil} {
		card := used(8 << 20)
		steps := map[string]int64{}
		j := Job{Image: bytes.NewReader(image), Map: m, Card: card, Size: 8 << 20, Progress: func(step string, done, _ int64) { steps[step] = done }}
		if err := j.Run(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := bytes.Repeat([]byte{0xee}, 8<<20)
		all := int64(imageLen)
		if m == nil {
			copy(want, image)
		} else {
			all = m.Bytes()
			for _, r := range m.Ranges {
				copy(want[r.From:], image[r.From:r.To])
			}
		}
		if !bytes.Equal(card.text, want) {
			t.Errorf("%s: the card has something else", name)
		}
		if d := cmp.Diff(map[string]int64{"write": all, "verify": all}, steps); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestWhatGoesWrongIsSaidAndLeavesNoCardToTrust(t *testing.T) {
	image := picture()
	other := bytes.Clone(image)
	other[5<<20]++
	goodMap := parsed(t, mapOf(image, ranges...))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		job  Job
		card *slot
		ctx  context.Context
		want string
	}{
		"an image that ends early":   {job: Job{Image: bytes.NewReader(image[:4<<20]), Map: goodMap}, want: "ends early"},
		"of another build":           {job: Job{Image: bytes.NewReader(other), Map: goodMap}, want: "not what its block map says"},
		"longer than its map says":   {job: Job{Image: bytes.NewReader(append(bytes.Clone(image), 0)), Map: goodMap}, want: "do not belong together"},
		"an empty image":             {job: Job{Image: bytes.NewReader(nil)}, want: "empty"},
		"a reader that breaks":       {job: Job{Image: io.MultiReader(bytes.NewReader(image[:1<<20]), broken{})}, want: "damaged"},
		"a card pulled out":          {job: Job{Image: bytes.NewReader(image), Map: goodMap}, card: &slot{text: make([]byte, 8<<20), pulled: 3 << 20}, want: "Was it pulled out"},
		"pulled before it is synced": {job: Job{Image: bytes.NewReader(image), Map: goodMap}, card: &slot{text: make([]byte, 8<<20), syncFail: true}, want: "Was it pulled out"},
		"smaller than it says":       {job: Job{Image: bytes.NewReader(image), Map: goodMap}, card: &slot{text: make([]byte, 8<<20), fake: 5 << 20}, want: "smaller than it says"},
		"too small for the map":      {job: Job{Image: bytes.NewReader(image), Map: goodMap, Size: 5 << 20}, want: "the image needs"},
		"too small without a map":    {job: Job{Image: bytes.NewReader(image), Size: 5 << 20}, want: "larger than the card"},
		"stopped":                    {job: Job{Image: bytes.NewReader(image), Map: goodMap}, ctx: over, want: "stopped"},
	} {
		j := c.job
		if j.Size == 0 {
			j.Size = 8 << 20
		}
		if c.card == nil {
			c.card = used(8 << 20)
		}
		if c.ctx == nil {
			c.ctx = t.Context()
		}
		j.Card = c.card
		if err := j.Run(c.ctx); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
		if bytes.Equal(c.card.text[:512], image[:512]) && name != "smaller than it says" && name != "pulled before it is synced" {
			t.Errorf("%s: the card has a partition table", name)
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("bad block") }

func TestMapsThatAreWrongAreRefused(t *testing.T) {
	image := picture()
	good := mapOf(image, ranges...)
	if m := parsed(t, good); m.Size != imageLen || m.Bytes() != (100+1+imageLen/4096-700)*4096 {
		t.Errorf("%+v", m)
	}
	for name, text := range map[string][]byte{
		"nothing":           nil,
		"no map":            []byte("<html></html>"),
		"a byte changed":    bytes.Replace(good, []byte("300"), []byte("301"), 1),
		"no ranges":         mapOf(image),
		"overlapping":       mapOf(image, [2]int{0, 10}, [2]int{10, 20}),
		"out of order":      mapOf(image, [2]int{10, 20}, [2]int{0, 1}),
		"turned round":      mapOf(image, [2]int{20, 10}),
		"behind the image":  mapOf(image, [2]int{imageLen / 4096, imageLen / 4096}),
		"astronomic":        mapOf(image, [2]int{0, 1 << 40}),
		"older":             bytes.Replace(good, []byte(`version="2.0"`), []byte(`version="1.3"`), 1),
		"too large to read": bytes.Repeat([]byte(" "), maxMap+1),
	} {
		if m, err := ParseMap(text); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func FuzzMapsAreReadOrRefused(f *testing.F) {
	f.Add(mapOf(picture(), ranges...))
	f.Add(mapOf(picture(), [2]int{0, 0}))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseMap(text)
		if err != nil {
			return
		}
		at := int64(0)
		for _, r := range m.Ranges {
			if r.From < at || r.To <= r.From || r.To > m.Size {
				t.Fatalf("%+v of %d", r, m.Size)
			}
			at = r.To
		}
	})
}

// files are an image compressed by xz, and its map, in a folder.
func files(t *testing.T, image []byte) string {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	z, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(image); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), os.WriteFile(filepath.Join(dir, "kit.img.xz"), b.Bytes(), 0o600),
		os.WriteFile(filepath.Join(dir, "kit.img.bmap"), mapOf(image, ranges...), 0o600)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "kit.img.xz")
}

func TestDamagedFilesAreRefused(t *testing.T) {
	image := picture()
	whole, err := os.ReadFile(files(t, image))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 0x10
	for name, text := range map[string][]byte{"cut off": whole[:len(whole)/2], "without its end": whole[:len(whole)-8], "flipped": flipped, "no xz": []byte("PK\x03\x04 a zip"), "empty": nil} {
		path := filepath.Join(t.TempDir(), "kit.img.xz")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, c, err := Image(path)
		if err == nil {
			card := used(8 << 20)
			err = (&Job{Image: r, Map: parsed(t, mapOf(image, ranges...)), Card: card, Size: 8 << 20}).Run(t.Context())
			c.Close()
			if bytes.Equal(card.text[:512], image[:512]) {
				t.Errorf("%s: the card has a partition table", name)
			}
		}
		if err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheSameOnAFileAndOnARealDisk flashes onto a plain file, and onto a block device of the kernel's where one can be had.
func TestTheSameOnAFileAndOnARealDisk(t *testing.T) {
	image := picture()
	from := files(t, image)
	for _, kind := range []string{"file", "disk"} {
		t.Run(kind, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "card")
			if err := os.WriteFile(path, bytes.Repeat([]byte{0xee}, 8<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			if kind == "disk" {
				path = loop(t, path)
				if _, _, err := Open(Card{Device: path, Number: "8:240"}); !errors.As(err, new(Refusal)) {
					t.Errorf("a node of another disk than the one that was looked at: %v", err)
				}
			}
			r, c, err := Image(from)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			m, err := MapBeside(from)
			if err != nil || m == nil {
				t.Fatal(err)
			}
			card, release, err := Open(Card{Device: path})
			if err != nil {
				t.Fatal(err)
			}
			defer release.Close()
			if kind == "disk" {
				if _, _, err := Open(Card{Device: path}); !errors.As(err, new(Refusal)) {
					t.Errorf("opened twice: %v", err)
				}
			}
			if err := (&Job{Image: r, Map: m, Card: card, Size: 8 << 20}).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			Settle(card)
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range m.Ranges {
				if !bytes.Equal(got[r.From:r.To], image[r.From:r.To]) {
					t.Errorf("other bytes from %d to %d", r.From, r.To)
				}
			}
			if len(got) != 8<<20 || got[200*4096] != 0xee || got[imageLen] != 0xee {
				t.Error("what the map leaves out was written")
			}
		})
	}
}

// loop makes a file a disk.
func loop(t *testing.T, file string) string {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if os.Geteuid() != 0 {
		t.Skip("a loop device takes root")
	}
	out, err := exec.Command("losetup", "-f", "--show", file).Output()
	if err != nil {
		t.Skipf("no loop device here: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "-d", device).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return device
}
