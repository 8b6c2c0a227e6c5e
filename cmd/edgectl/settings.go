package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
)

type (
	settingsVerb struct {
		Show   settingsShow   `cmd:"" help:"What the kit starts with next."`
		Check  settingsCheck  `cmd:"" help:"Check a file without any kit."`
		Set    settingsSet    `cmd:"" help:"Give the kit a file, all or nothing."`
		Schema settingsSchema `cmd:"" help:"The JSON Schema that editors check the file with."`
	}
	settingsShow  struct{}
	settingsCheck struct {
		File string `arg:"" help:"Settings (TOML)."`
	}
	settingsSet struct {
		File string `arg:"" help:"Settings (TOML)."`
	}
	settingsSchema struct{}
	slipVerb       struct{}
)

func (settingsShow) Run(k *kit, p *printer) error {
	var s wire.Settings
	if err := k.ask("GET", "/settings", nil, &s); err != nil {
		return err
	}
	if p.json {
		return p.table(s, nil, nil)
	}
	if s.Refused != nil {
		fmt.Fprintf(p.out, "# not used: %s\n", strings.ReplaceAll(s.Refused.Problems.In(s.Refused.File).Error(), "; "+s.Refused.File, "\n# not used: "+s.Refused.File))
	}
	if s.Pending {
		fmt.Fprintln(p.out, "# from the next start on:")
	}
	_, err := fmt.Fprint(p.out, s.Text)
	return err
}

func (v settingsCheck) Run(p *printer) error {
	text, err := os.ReadFile(v.File)
	if err != nil {
		return fault{fmt.Errorf("settings: %w", err)}
	}
	if _, problems := settings.Parse(text); len(problems) > 0 {
		return fault{problems.In(filepath.Base(v.File))}
	}
	return p.table(map[string]bool{"good": true}, nil, [][]string{{"good", filepath.Base(v.File)}})
}

func (v settingsSet) Run(k *kit, p *printer) error {
	text, err := os.ReadFile(v.File)
	if err != nil {
		return fault{fmt.Errorf("settings: %w", err)}
	}
	var done wire.SettingsSaved
	if err := k.ask("PUT", "/settings?name="+url.QueryEscape(filepath.Base(v.File)), text, &done); err != nil {
		return err
	}
	return p.table(done, nil, [][]string{{done.Note}})
}

func (settingsSchema) Run(p *printer) error {
	_, err := p.out.Write(settings.Schema())
	return err
}

func (slipVerb) Run(k *kit, p *printer) error {
	var done wire.Printed
	if err := k.ask("POST", "/setup-slip", nil, &done); err != nil {
		return err
	}
	return p.table(done, nil, [][]string{{"printed"}})
}
