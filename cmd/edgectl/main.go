// Edgectl is the maker's and operator's command line. It speaks to a running kit over the control socket in its data
// folder:
//
//	edgectl --kit DIR stock list
//
// or, from another machine, over its console's listener, once it is paired:
//
//	edgectl --kit https://192.168.1.5:8443 pair 123-456
//
// and makes and flashes SD cards, for which no kit is needed:
//
//	edgectl image flash bin/edgekit.img.xz /dev/sdX
//
// Every verb takes --json. What the person who started it can mend is one line on standard error and exit 2; a kit that
// does not answer, or that refuses, is exit 1.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"edgekit.internal/cmd/edgectl/internal/flash"
)

// cli is all verbs and flags.
type cli struct {
	Kit  string `default:"edgekit-data" env:"EDGEKIT_DATA" placeholder:"DIR|URL" help:"The kit's data folder, as its -data flag names it, or its console's address."`
	JSON bool   `help:"Print JSON, for programs."`

	Self     kitVerb      `cmd:"" name:"kit" help:"The kit itself."`
	Pair     pairVerb     `cmd:"" help:"Let this machine look after a kit on another one."`
	Settings settingsVerb `cmd:"" help:"What is set in edgekit.toml."`
	Stock    stockVerb    `cmd:"" help:"What is left."`
	Offers   offersVerb   `cmd:"" help:"What is for sale."`
	Tickets  ticketVerb   `cmd:"" help:"What was sold."`
	Till     tillVerb     `cmd:"" help:"What the day came to."`
	Door     doorVerb     `cmd:"" help:"Guests of a ticketed event."`
	Drop     dropVerb     `cmd:"" help:"Start and stop an offer."`
	Button   buttonVerb   `cmd:"" help:"Press the kit's buttons from here."`
	Catalog  importVerb   `cmd:"" help:"What the kit sells from."`
	Image    imageVerb    `cmd:"" help:"The SD card."`

	Recordings recordingsVerb `cmd:"" help:"What was recorded."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	var c cli
	help := false
	parser, err := kong.New(&c, kong.Name("edgectl"), kong.Description("Look after a kit."), kong.Exit(func(int) { help = true }), kong.Writers(out, errs))
	if err != nil {
		panic("edgectl: " + err.Error()) // the struct above
	}
	at, err := parser.Parse(args)
	if help {
		return 0
	}
	if err != nil {
		fmt.Fprintf(errs, "edgectl: %v; see edgectl --help\n", err)
		return 2
	}
	err = at.Run(&kit{dir: c.Kit}, &printer{out: out, errs: errs, json: c.JSON})
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(fault)), errors.As(err, new(flash.Refusal)):
		fmt.Fprintf(errs, "edgectl: %v\n", err)
		return 2
	}
	fmt.Fprintf(errs, "edgectl: %v\n", err)
	return 1
}

// fault is something the person who typed the command can mend.
type fault struct{ error }
