package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"edgekit.internal/cmd/internal/wire"
)

// updateVerb installs an update, or says what became of the last ones.
type updateVerb struct {
	Allow bool   `help:"Also an older system, the same again, or one that failed before."`
	File  string `arg:"" optional:"" help:"The update (edgekit.update). Without it: what runs, and what became of updates."`
}

// updatePatience is how long the largest update takes onto the slowest card.
const updatePatience = 20 * time.Minute

func (v updateVerb) Run(k *kit, p *printer) error {
	if v.File == "" {
		return v.list(k, p)
	}
	f, err := os.Open(v.File)
	if err != nil {
		return fault{fmt.Errorf("%w: expected an update, such as edgekit.update", err)}
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	path := "/update"
	if v.Allow {
		path += "?allow"
	}
	var body io.Reader = f
	if !p.json {
		body = &progress{from: f, total: st.Size(), out: p.out, what: "installing"}
	}
	var done wire.Installed
	if err := k.send("PUT", path, body, updatePatience, &done); err != nil {
		return err
	}
	if p.json {
		return p.table(done, nil, nil)
	}
	_, err = fmt.Fprintf(p.out, "\r%s is installed. The kit restarts into it now, and keeps it if it is healthy: `edgectl kit update` says so in two minutes.\n", done.Version)
	return err
}

func (updateVerb) list(k *kit, p *printer) error {
	var s wire.System
	if err := k.ask("GET", "/update", nil, &s); err != nil {
		return err
	}
	if !s.Appliance {
		return p.table(s, nil, [][]string{{"this kit does not run from an SD card, and takes no updates"}})
	}
	runs := s.Version + ", slot " + s.Slot
	if s.Trial {
		runs += ", on trial"
	}
	rows := [][]string{{"runs", runs, ""}}
	for _, u := range s.Updates {
		rows = append(rows, []string{u.Outcome, u.Version, u.Why})
	}
	return p.table(s, nil, rows)
}

// progress shows how much of a file was read, in one line.
type progress struct {
	from        io.Reader
	out         io.Writer
	what        string
	done, total int64
	said        int64 // percent
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	if p.done += int64(n); p.total > 0 && p.done*100/p.total > p.said {
		p.said = p.done * 100 / p.total
		fmt.Fprintf(p.out, "\r%s %3d %%", p.what, p.said)
	}
	return n, err
}
