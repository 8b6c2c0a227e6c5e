package record

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// ram is a file in memory.
type ram struct {
	b   []byte
	off int64
}

func (f *ram) Write(b []byte) (int, error) {
	n, err := f.WriteAt(b, f.off)
	f.off += int64(n)
	return n, err
}

func (f *ram) WriteAt(b []byte, off int64) (int, error) {
	if need := off + int64(len(b)); need > int64(len(f.b)) {
		f.b = append(f.b, make([]byte, need-int64(len(f.b)))...)
	}
	return copy(f.b[off:], b), nil
}

func (f *ram) ReadAt(b []byte, off int64) (int, error) {
	if off >= int64(len(f.b)) {
		return 0, io.EOF
	}
	n := copy(b, f.b[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *ram) Seek(off int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		off += int64(len(f.b))
	}
	f.off = off
	return off, nil
}

func (f *ram) Truncate(size int64) error {
	if size < int64(len(f.b)) {
		f.b = f.b[:size]
	}
	return nil
}

func (f *ram) Sync() error  { return nil }
func (f *ram) Close() error { return nil }

// disk is the real one, with faults. Its zero value has none.
type disk struct {
	ops  atomic.Int64 // that change something, so far
	fail func(op int64, what string) error
	half bool // a write that fails has written half

	mu    sync.Mutex
	stuck chan struct{} // nil: it is not
}

func (d *disk) open(path string, flag int) (file, error) {
	if flag&os.O_CREATE != 0 {
		if err := d.op("open"); err != nil {
			return nil, err
		}
	}
	f, err := openFile(path, flag)
	if err != nil {
		return nil, err
	}
	return &faulty{f, d}, nil
}

func (d *disk) op(what string) error {
	d.mu.Lock()
	stuck := d.stuck
	d.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	n := d.ops.Add(1)
	if d.fail == nil {
		return nil
	}
	return d.fail(n, what)
}

type faulty struct {
	file
	d *disk
}

func (f *faulty) Write(b []byte) (int, error) {
	if err := f.d.op("write"); err != nil {
		n := 0
		if f.d.half {
			n, _ = f.file.Write(b[:len(b)/2])
		}
		return n, err
	}
	return f.file.Write(b)
}

func (f *faulty) WriteAt(b []byte, off int64) (int, error) {
	if err := f.d.op("write at"); err != nil {
		n := 0
		if f.d.half {
			n, _ = f.file.WriteAt(b[:len(b)/2], off)
		}
		return n, err
	}
	return f.file.WriteAt(b, off)
}

func (f *faulty) Truncate(size int64) error {
	if err := f.d.op("truncate"); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *faulty) Sync() error {
	return errors.Join(f.d.op("sync"), f.file.Sync())
}
