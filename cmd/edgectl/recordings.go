package main

import (
	"fmt"
	"net/url"
	"time"

	"edgekit.internal/cmd/internal/wire"
)

type (
	recordingsVerb struct {
		List   listRecordings  `cmd:"" help:"All recordings, newest first, and what is being recorded."`
		Start  startRecording  `cmd:"" help:"Begin a recording."`
		Stop   stopRecording   `cmd:"" help:"End it."`
		Delete deleteRecording `cmd:"" help:"Delete a recording for good."`
	}
	listRecordings  struct{}
	startRecording  struct{}
	stopRecording   struct{}
	deleteRecording struct {
		Name string `arg:"" help:"The recording's name, as list has it."`
	}
)

func (listRecordings) Run(k *kit, p *printer) error {
	var all wire.Recordings
	if err := k.ask("GET", "/recordings", nil, &all); err != nil {
		return err
	}
	var rows [][]string
	for _, f := range all.Files {
		what := f.Broken
		if f.Live {
			what = "being recorded"
		}
		ms := func(n int64) string { return (time.Duration(n) * time.Millisecond).Round(time.Second).String() }
		rows = append(rows, []string{f.Name, ms(f.LongMS), ms(f.ReleasedMS), fmt.Sprintf("%.1f", float64(f.Bytes)/1e6), what})
	}
	return p.table(all, []string{"RECORDING", "LENGTH", "RELEASED", "MB", ""}, rows)
}

func (startRecording) Run(k *kit, p *printer) error { return setRecording(k, p, true) }
func (stopRecording) Run(k *kit, p *printer) error  { return setRecording(k, p, false) }

func setRecording(k *kit, p *printer, on bool) error {
	var now wire.Recording
	if err := k.ask("PUT", "/recordings", map[string]bool{"on": on}, &now); err != nil {
		return err
	}
	return p.table(now, nil, [][]string{{now.State, now.Why}})
}

func (v deleteRecording) Run(k *kit, p *printer) error {
	var now wire.Recording
	if err := k.ask("DELETE", "/recordings/"+url.PathEscape(v.Name), nil, &now); err != nil {
		return err
	}
	return p.table(map[string]string{"deleted": v.Name}, nil, [][]string{{"deleted", v.Name}})
}
