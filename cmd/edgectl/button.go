package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/wire"
)

type (
	buttonVerb struct {
		List  listVerb  `cmd:"" help:"What each button does, and what was pressed last."`
		Press pressVerb `cmd:"" help:"Press a button."`
	}
	listVerb  struct{}
	pressVerb struct {
		Button  string `arg:"" help:"start-drop, sold-out, reprint or call-help."`
		Gesture string `default:"short" enum:"short,double,long,hold,repeat" help:"How: ${enum}."`
		ID      string `help:"The press's own id, a ULID: the same one again is the same press."`
	}
)

func (listVerb) Run(k *kit, p *printer) error {
	var b wire.Buttons
	if err := k.ask("GET", "/buttons", nil, &b); err != nil {
		return err
	}
	var rows [][]string
	for _, button := range b.Buttons {
		var does []string
		for _, g := range []string{"short", "double", "long", "hold", "repeat"} {
			if a := button.Does[g]; a != "" {
				does = append(does, g+": "+a)
			}
		}
		rows = append(rows, []string{button.Name, strings.Join(does, ", ")})
	}
	for _, press := range slices.Backward(b.Presses) {
		rows = append(rows, []string{"pressed", strings.TrimSpace(press.Button + " " + press.Gesture + " " + press.Action), press.Detail})
	}
	return p.table(b, nil, rows)
}

// Run presses, and ends in an error where the kit did not do what the press is for.
func (v pressVerb) Run(k *kit, p *printer) error {
	if v.ID == "" {
		v.ID = ulid.Make().String()
	}
	var done wire.Press
	if err := k.ask("POST", "/press", wire.PressRequest{ID: v.ID, Button: v.Button, Gesture: v.Gesture}, &done); err != nil {
		return err
	}
	if !done.OK && !p.json {
		return errors.New(done.Detail)
	}
	return p.table(done, nil, [][]string{{done.Detail}})
}
