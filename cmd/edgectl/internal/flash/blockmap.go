package flash

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

// Map is a block map, format 2.0: which parts of an image have to be written, and their sums.
type Map struct {
	Size   int64 // of the image, bytes
	Ranges []Range
}

// Range is a part of an image, in bytes; To is not in it.
type Range struct {
	From, To int64
	Sum      [sha256.Size]byte
}

// Bounds of a block map: those of our images have a dozen ranges.
const (
	maxMap    = 4 << 20
	maxRanges = 1 << 16
	maxImage  = 1 << 40
)

// ParseMap reads a block map and holds it against its own sum.
func ParseMap(text []byte) (*Map, error) {
	if len(text) > maxMap {
		return nil, fmt.Errorf("block map: larger than %d MB", maxMap>>20)
	}
	var doc struct {
		XMLName  xml.Name `xml:"bmap"`
		Version  string   `xml:"version,attr"`
		Size     int64    `xml:"ImageSize"`
		Block    int64    `xml:"BlockSize"`
		Type     string   `xml:"ChecksumType"`
		Checksum string   `xml:"BmapFileChecksum"`
		Ranges   []struct {
			Sum    string `xml:"chksum,attr"`
			Blocks string `xml:",chardata"`
		} `xml:"BlockMap>Range"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("block map: %w", err)
	}
	own := strings.TrimSpace(doc.Checksum)
	switch {
	case !strings.HasPrefix(doc.Version, "2."):
		return nil, fmt.Errorf("block map: version %q, expected 2.0", doc.Version)
	case strings.TrimSpace(doc.Type) != "sha256" || len(own) != 2*sha256.Size:
		return nil, fmt.Errorf("block map: sums of kind %q, expected sha256", doc.Type)
	case bytes.Count(text, []byte(own)) != 1:
		return nil, fmt.Errorf("block map: its own sum is in it %d times", bytes.Count(text, []byte(own)))
	case doc.Block < 512 || doc.Block > 1<<20 || doc.Size < doc.Block || doc.Size > maxImage:
		return nil, fmt.Errorf("block map: an image of %d bytes in blocks of %d", doc.Size, doc.Block)
	case len(doc.Ranges) == 0 || len(doc.Ranges) > maxRanges:
		return nil, fmt.Errorf("block map: %d ranges", len(doc.Ranges))
	}
	blank := bytes.Replace(text, []byte(own), bytes.Repeat([]byte("0"), len(own)), 1)
	if got := sha256.Sum256(blank); hex.EncodeToString(got[:]) != strings.ToLower(own) {
		return nil, fmt.Errorf("block map: damaged: its sum is %x, and it says %s", got, own)
	}
	m := &Map{Size: doc.Size}
	at := int64(0)
	for _, r := range doc.Ranges {
		first, last, ranged := strings.Cut(strings.TrimSpace(r.Blocks), "-")
		if !ranged {
			last = first
		}
		a, err1 := strconv.ParseInt(first, 10, 64)
		z, err2 := strconv.ParseInt(last, 10, 64)
		sum, err3 := hex.DecodeString(r.Sum)
		if err1 != nil || err2 != nil || err3 != nil || len(sum) != sha256.Size || a < 0 || z < a || z >= maxImage/doc.Block {
			return nil, fmt.Errorf("block map: range %q with sum %q", r.Blocks, r.Sum)
		}
		x := Range{a * doc.Block, min((z+1)*doc.Block, doc.Size), [sha256.Size]byte(sum)}
		if x.From < at || x.To <= x.From {
			return nil, fmt.Errorf("block map: range %s overlaps the one before, or is behind the image", r.Blocks)
		}
		at = x.To
		m.Ranges = append(m.Ranges, x)
	}
	return m, nil
}

// Bytes is how much is to be written.
func (m *Map) Bytes() (n int64) {
	for _, r := range m.Ranges {
		n += r.To - r.From
	}
	return n
}
