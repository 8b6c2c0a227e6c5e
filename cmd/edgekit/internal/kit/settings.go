package kit

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"

	"edgekit.internal/cmd/edgekit/internal/logs"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/hardware/bootfs"
)

// OpenArgs is Parse and Open, with the settings that count: those of -config alone if it is given; else those of the
// boot partition and the data folder, in setup.Book's order, of which one that is no good is refused whole and the next
// one serves.
func OpenArgs(args []string, log *slog.Logger, ring *logs.Ring, said io.Writer) (k *Kit, help bool, err error) {
	return openArgs(args, log, ring, said, setup.Card{Read: bootfs.Read, Write: bootfs.Write, Remove: bootfs.Remove})
}

func openArgs(args []string, log *slog.Logger, ring *logs.Ring, said io.Writer, card setup.Card) (k *Kit, help bool, err error) {
	c, help, err := Parse(args, nil)
	if err != nil || help {
		return nil, help, err
	}
	if c.Schema {
		_, err := said.Write(settings.Schema())
		return nil, true, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, false, fault("edgekit: --data: %v: expected a folder that can be written to", err)
	}
	state := setup.OpenState(c.Data, log)
	if c.Config != "" {
		k, err := openFile(args, c.Config, state, log, ring, said)
		return k, false, err
	}
	book := setup.NewBook(c.Data, c.Boot, card, state, log)
	for _, candidate := range book.Candidates() {
		if candidate.From == setup.FromCard && len(bytes.TrimSpace(candidate.Text)) == 0 {
			book.Refuse(candidate, emptied)
			continue
		}
		k, problems, err := openWith(args, candidate.Text, state, log, ring, said)
		if err == nil && k == nil {
			book.Refuse(candidate, problems)
		}
		var without []string
		for err == nil && k == nil && candidate.From == setup.FromKept && lost(problems, without) {
			without = append(without, problems[0].Key)
			k, problems, err = openWith(args, candidate.Text, state, log, ring, said, without...)
		}
		if err != nil {
			return nil, false, err
		}
		if k != nil {
			book.Use(candidate)
			return k.with(book, args), false, nil
		}
	}
	if k, err = Open(c, state, log, ring, said); err != nil {
		return nil, false, err
	}
	book.Use(setup.Candidate{})
	return k.with(book, args), false, nil
}

// emptied is what a laptop leaves that is pulled off its card, or goes off, as it saves. Taken as settings it would be all
// defaults, and cost the last good ones.
var emptied = settings.Problems{{Line: 1, Column: 1, What: "the file is empty, as after a card was pulled out while it was being saved: save it again; for a kit with its own settings write a line that starts with #"}}

// lost tells whether nothing but a file is wrong that settings name, which may have gone or been torn since, and was not left out before. The
// last good settings hold without it: a kit sells from the catalogue that it imported before, with its own fonts and no logo, and
// without its Wi-Fi it sells nothing.
func lost(problems settings.Problems, without []string) bool {
	return len(problems) == 1 && slices.Contains([]string{"catalog", "fonts", "logo"}, problems[0].Key) && !slices.Contains(without, problems[0].Key)
}

// openFile opens a kit with the settings file that was named. What is wrong with it is a fault.
func openFile(args []string, path string, state *setup.State, log *slog.Logger, ring *logs.Ring, said io.Writer) (*Kit, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault("edgekit: settings: %v", err)
	}
	k, problems, err := openWith(args, text, state, log, ring, said)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, fault("%v", problems.In(path))
	}
	return k.with(setup.OneFile(path, text, state, log), args), nil
}

// openWith opens a kit with settings from a text, as if some keys were not set. Problems are the text's; an error is of
// something else.
func openWith(args []string, text []byte, state *setup.State, log *slog.Logger, ring *logs.Ring, said io.Writer, without ...string) (*Kit, settings.Problems, error) {
	file, problems := settings.Parse(text)
	if len(problems) > 0 {
		return nil, problems, nil
	}
	for _, key := range without {
		delete(file.Values, key)
	}
	c, _, err := Parse(args, file)
	if err != nil {
		return nil, nil, err
	}
	k, err := Open(c, state, log, ring, said)
	if f := (Fault{}); errors.As(err, &f) {
		if p := problemOf(f, file); p.Line > 0 {
			return nil, settings.Problems{p}, nil
		}
	}
	return k, nil, err
}

// with is the kit with the book that its settings are in, and the flags that win over them.
func (k *Kit) with(book *setup.Book, args []string) *Kit {
	k.book, k.args = book, args
	return k
}

var flagNamed = regexp.MustCompile(`^edgekit: --([a-z.]+)(.*)$`)

// problemOf is a fault that shows only when things are opened, at its place in the file. Without a place it is not of what
// the file says, but of a flag, or of the machine.
func problemOf(f Fault, file *settings.File) settings.Problem {
	p := settings.Problem{What: f.Text}
	if catalog, _ := file.Values["catalog"].(string); catalog != "" && strings.HasPrefix(f.Text, catalog) {
		p.Key = "catalog"
		p.Line, p.Column = file.Place(p.Key)
	}
	if m := flagNamed.FindStringSubmatch(f.Text); m != nil {
		p.Key, p.What = m[1], strings.TrimLeft(m[2], ": ")
		p.Line, p.Column = file.Place(p.Key)
	}
	return p
}

// saveSettings checks a text as a start would, but for ports and devices, and keeps it for the next start. onCard is why
// the boot partition does not have it.
func (k *Kit) saveSettings(text []byte) (problems settings.Problems, onCard, err error) {
	file, problems := settings.Parse(text)
	if len(problems) > 0 {
		return problems, nil, nil
	}
	c, _, err := Parse(k.args, file)
	if err != nil {
		return nil, nil, err
	}
	for _, check := range []func() error{
		c.camera, c.names, c.fonts, c.program,
		func() error {
			_, err := thermal.NewPrinters(thermal.Config{Spec: c.Printer})
			return prefixed("printer", err)
		},
		func() error { _, err := c.logo(thermal.Paper58); return err },
		func() error { _, _, err := c.server(); return err },
		func() error { return (&Kit{config: c, log: k.log}).openDesk() },
		func() error {
			if c.Catalog == "" {
				return nil
			}
			return prefixed("catalog", isFile(c.Catalog))
		},
	} {
		if err := check(); err != nil {
			var f Fault
			if !errors.As(err, &f) {
				return nil, nil, err
			}
			problems = append(problems, problemOf(f, file))
		}
	}
	if len(problems) > 0 {
		return problems, nil, nil
	}
	onCard, err = k.book.Save(file.Text)
	return nil, onCard, err
}

func prefixed(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fault("edgekit: --%s: %v", flag, err)
}
