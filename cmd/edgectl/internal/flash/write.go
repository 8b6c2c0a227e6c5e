package flash

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Target is a card, opened.
type Target interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Forget() error // drop what the kernel remembers of it, so that reading reads the card
}

// Job is one image for one card.
type Job struct {
	Image    io.Reader // decompressed
	Map      *Map      // nil: all of the image is written
	Card     Target
	Size     int64                                // of the card, bytes
	Progress func(step string, done, total int64) // bytes; total is 0 where it is not known; may be nil
}

// chunk is what is read and written at once; headLen is what is written last, so that a card that was pulled out in
// between has no partition table and is taken for nothing; syncEach keeps progress honest.
const (
	chunk    = 1 << 20
	headLen  = 64 << 10
	syncEach = 16 << 20
)

// written is a range that was written, with its sum.
type written struct {
	Range
	hash hash.Hash
}

// Run writes, syncs and reads back. An error says how far it came; the card is of no use then.
func (j *Job) Run(ctx context.Context) error {
	if j.Map != nil && j.Map.Size > j.Size {
		return refuse("the card has %d MB, the image needs %d", j.Size>>20, (j.Map.Size+1<<20-1)>>20)
	}
	if _, err := j.Card.WriteAt(make([]byte, headLen), 0); err != nil {
		return cardError("write", 0, err)
	}
	all, head, err := j.write(ctx)
	if err != nil {
		return err
	}
	if _, err := j.Card.WriteAt(head, 0); err != nil {
		return cardError("write", 0, err)
	}
	if err := j.sync(0); err != nil {
		return err
	}
	return j.verify(ctx, all)
}

func (j *Job) write(ctx context.Context) (all []written, head []byte, err error) {
	ranges, total := []Range{{From: 0, To: j.Size}}, int64(0)
	if j.Map != nil {
		ranges, total = j.Map.Ranges, j.Map.Bytes()
	}
	at, done := int64(0), int64(0)
	for _, r := range ranges {
		if n, err := io.CopyN(io.Discard, stopped{ctx, j.Image}, r.From-at); err != nil {
			return nil, nil, imageError(at+n, err)
		}
		w := written{Range{From: r.From, To: r.From, Sum: r.Sum}, sha256.New()}
		for buf := make([]byte, chunk); w.To < r.To; {
			n, err := io.ReadFull(stopped{ctx, j.Image}, buf[:min(chunk, r.To-w.To)])
			ended := j.Map == nil && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
			if err != nil && !ended {
				return nil, nil, imageError(w.To+int64(n), err)
			}
			w.hash.Write(buf[:n])
			if err := j.put(buf[:n], w.To, &head); err != nil {
				return nil, nil, err
			}
			w.To, done = w.To+int64(n), done+int64(n)
			if done/syncEach != (done-int64(n))/syncEach {
				if err := j.sync(w.To); err != nil {
					return nil, nil, err
				}
			}
			j.progress("write", done, total)
			if ended {
				break
			}
		}
		if j.Map != nil && [sha256.Size]byte(w.hash.Sum(nil)) != r.Sum {
			return nil, nil, fmt.Errorf("the image is not what its block map says, from %d MB to %d MB: one of them is damaged, or they are of two builds. "+
				"The card is not usable; get both files again", r.From>>20, r.To>>20)
		}
		at = w.To
		all = append(all, w)
	}
	rest, err := io.Copy(io.Discard, stopped{ctx, j.Image}) // to its end, where the file's own sums are
	if err != nil {
		return nil, nil, imageError(at+rest, err)
	}
	switch {
	case j.Map == nil && rest > 0:
		return nil, nil, fmt.Errorf("the image is larger than the card, which has %d MB: use a larger one", j.Size>>20)
	case at+rest == 0:
		return nil, nil, errors.New("the image is empty")
	case j.Map != nil && at+rest != j.Map.Size:
		return nil, nil, fmt.Errorf("the image has %d bytes, its block map says %d: they do not belong together. The card is not usable", at+rest, j.Map.Size)
	}
	return all, head, nil
}

// put writes to the card, but for what is written last.
func (j *Job) put(p []byte, at int64, head *[]byte) error {
	if at < headLen {
		n := min(int64(len(p)), headLen-at)
		if int64(len(*head)) < at { // a map that leaves a part of it out
			*head = append(*head, make([]byte, at-int64(len(*head)))...)
		}
		*head = append((*head)[:at], p[:n]...)
		p, at = p[n:], at+n
	}
	if len(p) == 0 {
		return nil
	}
	n, err := j.Card.WriteAt(p, at)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return cardError("write", at+int64(n), err)
	}
	return nil
}

func (j *Job) sync(at int64) error {
	if err := j.Card.Sync(); err != nil {
		return cardError("write", at, err)
	}
	return nil
}

// verify reads back what was written, from the card and not from memory.
func (j *Job) verify(ctx context.Context, all []written) error {
	if err := j.Card.Forget(); err != nil {
		return cardError("read back", 0, err)
	}
	total, done := int64(0), int64(0)
	for _, w := range all {
		total += w.To - w.From
	}
	buf := make([]byte, chunk)
	for _, w := range all {
		h := sha256.New()
		for at := w.From; at < w.To; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n, err := j.Card.ReadAt(buf[:min(chunk, w.To-at)], at)
			if err != nil && !(errors.Is(err, io.EOF) && n > 0) {
				return cardError("read back", at, err)
			}
			h.Write(buf[:n])
			at, done = at+int64(n), done+int64(n)
			j.progress("verify", done, total)
		}
		if [sha256.Size]byte(h.Sum(nil)) != [sha256.Size]byte(w.hash.Sum(nil)) {
			return fmt.Errorf("the card does not give back what was written, between %d MB and %d MB: it is worn out, or smaller than it says. Use another", w.From>>20, w.To>>20)
		}
	}
	return nil
}

func (j *Job) progress(step string, done, total int64) {
	if j.Progress != nil {
		j.Progress(step, done, total)
	}
}

func cardError(what string, at int64, err error) error {
	return fmt.Errorf("%s the card at %d MB: %w. Was it pulled out? If not, it or the reader is broken. The card is not usable before it is flashed again", what, at>>20, err)
}

func imageError(at int64, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped at %d MB: the card is not usable before it is flashed again", at>>20)
	}
	return fmt.Errorf("the image is damaged or ends early, at %d MB: %w. The card is not usable; get the image again", at>>20, err)
}

// stopped ends reading when ctx does.
type stopped struct {
	ctx context.Context
	r   io.Reader
}

func (s stopped) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Canceled
	}
	return s.r.Read(p)
}
