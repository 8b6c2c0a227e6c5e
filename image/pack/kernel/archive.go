package kernel

import (
	"fmt"
	"io"
	"time"
)

// Modes of files in an initramfs (inode(7)).
const (
	dirMode     = 0o040755
	fileMode    = 0o100644
	programMode = 0o100755
)

// file is an entry of an initramfs. Its folder's entry comes before it.
type file struct {
	name string
	mode uint32
	text []byte
}

// trailer ends an archive.
const trailer = "TRAILER!!!"

// writeArchive writes a cpio archive in the format "newc", which the kernel reads (its documentation,
// driver-api/early-userspace/buffer-format): thirteen hexadecimal numbers, the name, the content, both filled up to four bytes.
// All files are root's; the same files make the same bytes.
func writeArchive(w io.Writer, files []file, at time.Time) error {
	c := &counted{w: w}
	for i, f := range append(files, file{name: trailer}) {
		inode, links := i+1, 1
		if f.name == trailer {
			inode, at = 0, time.Unix(0, 0)
		}
		if f.mode == dirMode {
			links = 2
		}
		fmt.Fprintf(c, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", inode, f.mode, 0, 0, links, at.Unix(), len(f.text), 0, 0, 0, 0, len(f.name)+1, 0, f.name)
		c.fill()
		c.Write(f.text)
		c.fill()
	}
	return c.err
}

// counted keeps a place in the archive, and the first error.
type counted struct {
	w   io.Writer
	n   int
	err error
}

func (c *counted) Write(p []byte) (int, error) {
	if c.err == nil {
		var n int
		n, c.err = c.w.Write(p)
		c.n += n
	}
	return len(p), c.err
}

func (c *counted) fill() { c.Write(make([]byte, (4-c.n%4)%4)) }
