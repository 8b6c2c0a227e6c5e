package perm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Programs are where e2fsprogs' and dosfstools' are. The zero value is where the image has them.
type Programs struct{ E2fsck, Mke2fs, FsckFAT string }

func (p Programs) e2fsck() string { return orElse(p.E2fsck, "/usr/sbin/e2fsck") }
func (p Programs) mke2fs() string { return orElse(p.Mke2fs, "/usr/sbin/mke2fs") }

func (p Programs) fsckFAT() string {
	return orElse(p.FsckFAT, "/usr/sbin/fsck.fat")
}

func orElse(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// How long a program may take. A quick check takes a second, unless the kernel noted errors: then it is a full one, minutes
// on a full card. One that is cut off is begun again at the next start.
const (
	quickLimit = 5 * time.Minute
	fullLimit  = 10 * time.Minute
)

// content is what a partition has.
type content int

const (
	nothing content = iota
	ext4
	ext4Damaged // its superblock or its groups' descriptors are, their copy is not
	somethingElse
)

// look says what a partition has, from its first 128 KB, its groups' descriptors and the copy of them.
func look(dev io.ReaderAt) (content, error) {
	head := make([]byte, 128<<10)
	if n, err := dev.ReadAt(head, 0); err != nil && !(errors.Is(err, io.EOF) && n >= superAt+superLen) {
		return somethingElse, fmt.Errorf("perm: read the data partition: %w", err)
	}
	if s := super(head[superAt:][:superLen]); !s.magic() && another(head) {
		return somethingElse, nil
	}
	damaged, err := copyKnowsBetter(dev)
	if err != nil {
		return somethingElse, err
	}
	if damaged {
		return ext4Damaged, nil
	}
	if s := super(head[superAt:][:superLen]); s.magic() {
		return ext4, nil
	}
	spare, err := readSuper(dev, backupAt)
	if err != nil {
		return somethingElse, err
	}
	if len(bytes.Trim(head, "\x00")) == 0 && *spare == (super{}) {
		return nothing, nil
	}
	return somethingElse, nil
}

// check checks a partition's ext4 and repairs it, first only what is safe to repair unasked, then all that can be.
func (p Programs) check(ctx context.Context, device string) (State, string, error) {
	exit, said, err := run(ctx, quickLimit, p.e2fsck(), "-p", device)
	switch { // e2fsck(8): bits 1 and 2 errors corrected, 4 errors left, 8 and more it could not work
	case err != nil:
		return Broken, said, err
	case exit == 0:
		return Clean, said, nil
	case exit < 4:
		return Mended, said, nil
	}
	return p.repair(ctx, device)
}

// fromCopy makes e2fsck believe the copy.
var fromCopy = []string{"-b", fmt.Sprint(backupNo), "-B", fmt.Sprint(blockLen)}

// repair repairs all that can be. more are further arguments.
func (p Programs) repair(ctx context.Context, device string, more ...string) (State, string, error) {
	exit, said, err := run(ctx, fullLimit, p.e2fsck(), append(append([]string{"-f", "-y"}, more...), device)...)
	switch {
	case err != nil:
		return Broken, said, err
	case exit < 4:
		return Mended, said, nil
	}
	return Broken, said, fmt.Errorf("perm: e2fsck cannot repair it (exit %d)", exit)
}

// make makes an empty ext4 as image/pack does; features and sizes are in /etc/mke2fs.conf.
func (p Programs) make(ctx context.Context, device string) error {
	exit, said, err := run(ctx, quickLimit, p.mke2fs(), "-q", "-F", "-t", "ext4", "-b", "4096", "-L", "perm", "-m", "1", "-J", "size=16", "-E", "nodiscard", device)
	if err == nil && exit != 0 {
		err = fmt.Errorf("perm: mke2fs: exit %d: %s", exit, said)
	}
	return err
}

// run starts a program and gives its exit code, and the end of what it said. An error is when it did not run to its end.
func run(ctx context.Context, limit time.Duration, program string, args ...string) (exit int, said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) } // e2fsck ends in order
	c.WaitDelay = 10 * time.Second
	text, err := c.CombinedOutput()
	if s := strings.ToValidUTF8(strings.TrimSpace(string(text)), "?"); len(s) > maxSaid {
		said = "…" + strings.ToValidUTF8(s[len(s)-maxSaid:], "")
	} else {
		said = s
	}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, said, fmt.Errorf("perm: %s: not done after %v", program, limit)
	case errors.As(err, &ended) && ended.Exited():
		return ended.ExitCode(), said, nil
	case err != nil:
		return 0, said, fmt.Errorf("perm: %s: %w", program, err)
	}
	return 0, said, nil
}
