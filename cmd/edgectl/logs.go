package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"edgekit.internal/cmd/internal/wire"
)

type logsVerb struct {
	Follow  bool          `help:"Go on with what comes, until Ctrl-C."`
	Since   time.Duration `help:"No older than this: 90s, 15m, 2h."`
	Level   string        `default:"info" enum:"info,warn,error" help:"At least: ${enum}."`
	Crashes bool          `help:"What programs left when they crashed, newest first, instead of the log."`
}

func (v logsVerb) Run(k *kit, p *printer) error {
	if v.Crashes {
		return crashes(k, p)
	}
	ask := url.Values{"level": {v.Level}}
	if v.Since > 0 {
		ask.Set("since", v.Since.String())
	}
	if v.Follow {
		ask.Set("follow", "")
	}
	return k.stream("/logs?"+ask.Encode(), func(body io.Reader) error {
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if err := p.record(lines.Bytes()); err != nil {
				return err
			}
		}
		return lines.Err()
	})
}

// record prints one record: a line for people, or its JSON as it came.
func (p *printer) record(line []byte) error {
	if p.json {
		_, err := fmt.Fprintf(p.out, "%s\n", line)
		return err
	}
	var rec wire.LogRecord
	if err := json.Unmarshal(line, &rec); err != nil {
		return fmt.Errorf("the kit's log makes no sense: %w", err)
	}
	var b strings.Builder
	at := rec.At.Local().Format("2006-01-02 15:04:05")
	if rec.At.Year() < 2020 { // the kit had no time yet
		at = fmt.Sprintf("%12.3f s up", rec.Up)
	}
	fmt.Fprintf(&b, "%s %-5s %-8s %s", at, rec.Level, rec.From, rec.Text)
	for _, key := range slices.Sorted(maps.Keys(rec.Attrs)) {
		fmt.Fprintf(&b, " %s=%v", key, rec.Attrs[key])
	}
	_, err := fmt.Fprintln(p.out, b.String())
	return err
}

func crashes(k *kit, p *printer) error {
	list := []wire.CrashReport{}
	if err := k.ask("GET", "/crashes", nil, &list); err != nil {
		return err
	}
	if p.json {
		return p.table(list, nil, nil)
	}
	for _, c := range list {
		at := c.At.Local().Format("2006-01-02 15:04:05")
		if c.At.Year() < 2020 {
			at = "at a time not known"
		}
		if _, err := fmt.Fprintf(p.out, "%s crashed, %s (%s)\n\n%s\n", c.Program, at, c.Name, c.Text); err != nil {
			return err
		}
	}
	return nil
}
