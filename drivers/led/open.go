package led

import (
	"errors"

	"edgekit.internal/drivers/gpio"
)

// output is a line that is driven: gpio.Output, or the twin's.
type output interface {
	Set(on bool) error
	Close() error
}

func (l *Lights) find() ([]output, error) {
	names := make([]string, len(l.config.Lights))
	for i, c := range l.config.Lights {
		names[i] = c.Line
	}
	chip, offsets, err := gpio.Find(names)
	if err != nil {
		return nil, err
	}
	return drive(chip, offsets)
}

func drive(chip string, offsets []uint32) (out []output, err error) {
	for _, o := range offsets {
		line, err := gpio.Drive(chip, o)
		if err != nil {
			return nil, errors.Join(err, closeAll(out))
		}
		out = append(out, line)
	}
	return out, nil
}

func closeAll(out []output) (err error) {
	for _, o := range out {
		err = errors.Join(err, o.Close())
	}
	return err
}

// twin is a light without a board.
type twin struct {
	name string
	tell func(string, bool)
}

func (t twin) Set(on bool) error { t.tell(t.name, on); return nil }
func (twin) Close() error        { return nil }

func (l *Lights) twins() (out []output, err error) {
	tell := l.config.Twin
	if tell == nil {
		tell = func(string, bool) {}
	}
	for _, c := range l.config.Lights {
		out = append(out, twin{c.Name, tell})
	}
	return out, nil
}
