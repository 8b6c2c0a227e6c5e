package thermal

import (
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"

	"edgekit.internal/drivers/thermal/internal/reply"
)

// folder is the virtual printer: each job becomes a picture of the paper, NAME.png, written by the one printer that has
// the folder and read by people. After a crash there is a whole picture or none, and perhaps a temporary file.
type folder struct {
	dir     string
	profile Profile
}

func openFolder(dir string, p Profile) (port, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("thermal: virtual printer: %w", err)
	}
	return &folder{dir, p}, nil
}

func (f *folder) look() (reply.Trouble, error) { return reply.Fine, nil }

func (f *folder) print(_ context.Context, job Job, first func(), _ func(reply.Trouble)) (fate Fate, err error) {
	picture, _, err := Render(job.Data, f.profile)
	if err != nil {
		return Unsent, jobError{err}
	}
	file, err := os.CreateTemp(f.dir, "."+job.Name+"-*")
	if err != nil {
		return Unsent, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	first()
	err = png.Encode(file, picture)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil { // paper outlives a power cut too
		return Unsent, err
	}
	if err := os.Rename(file.Name(), filepath.Join(f.dir, job.Name+".png")); err != nil {
		return Unsent, err
	}
	return Printed, nil
}

func (f *folder) paper() Profile { return f.profile }

func (f *folder) Close() error { return nil }
