package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"os"
)

// span is a range of bytes, the end not included.
type span struct{ from, to int64 }

// bmapBlock is the unit of a block map.
const bmapBlock = 4096

// written are the parts of the disk that must be written when a card is flashed; on the rest, whatever a card holds may
// stay. Blocks that hold only zeros are left out nowhere: file systems rely on them.
func (b *build) written() ([]span, error) {
	d, err := os.Open(b.disk())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	super := make([]byte, 48)
	if _, err := d.ReadAt(super, rootA); err != nil {
		return nil, err
	}
	if string(super[:4]) != "hsqs" {
		return nil, fmt.Errorf("no squashfs in root A")
	}
	root := int64(binary.LittleEndian.Uint64(super[40:]))          // bytes_used, squashfs 4.0's superblock
	spans := []span{{0, rootA + root}, {rootB, rootB + bmapBlock}} // root B's first block: no system there, whatever was on the card
	perm, err := b.permUsed()
	if err != nil {
		return nil, err
	}
	for _, s := range perm {
		spans = append(spans, span{permAt + s.from, permAt + s.to})
	}
	return blocks(append(spans, span{diskSize - gptTail, diskSize})), nil
}

// blocks rounds sorted spans out to whole blocks and joins those that meet.
func blocks(spans []span) (out []span) {
	for _, s := range spans {
		if s.from >= s.to {
			continue
		}
		s = span{s.from / bmapBlock * bmapBlock, (s.to + bmapBlock - 1) / bmapBlock * bmapBlock}
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// bmap is a block map, format 2.0, as bmaptool and flashing programs read it.
type bmap struct {
	XMLName  xml.Name `xml:"bmap"`
	Version  string   `xml:"version,attr"`
	Size     int64    `xml:"ImageSize"`
	Block    int64    `xml:"BlockSize"`
	Blocks   int64    `xml:"BlocksCount"`
	Mapped   int64    `xml:"MappedBlocksCount"`
	Type     string   `xml:"ChecksumType"`
	Checksum string   `xml:"BmapFileChecksum"`
	Ranges   []mapped `xml:"BlockMap>Range"`
}

type mapped struct {
	Sum    string `xml:"chksum,attr"`
	Blocks string `xml:",chardata"`
}

// blockMap maps those spans of a disk, with the checksum of each and of the map.
func blockMap(disk io.ReaderAt, size int64, spans []span) ([]byte, error) {
	m := bmap{Version: "2.0", Size: size, Block: bmapBlock, Blocks: size / bmapBlock, Type: "sha256", Checksum: fmt.Sprintf("%064d", 0)}
	for _, s := range spans {
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(disk, s.from, s.to-s.from)); err != nil {
			return nil, err
		}
		first, last := s.from/bmapBlock, s.to/bmapBlock-1
		r := fmt.Sprintf("%d-%d", first, last)
		if first == last {
			r = fmt.Sprint(first)
		}
		m.Ranges = append(m.Ranges, mapped{fmt.Sprintf("%x", h.Sum(nil)), r})
		m.Mapped += last - first + 1
	}
	text, err := xml.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append([]byte(xml.Header), append(text, '\n')...)
	sum := fmt.Appendf(nil, "%x", sha256.Sum256(text)) // of the map with zeros in its checksum's place
	return bytes.Replace(text, []byte(m.Checksum), sum, 1), nil
}
