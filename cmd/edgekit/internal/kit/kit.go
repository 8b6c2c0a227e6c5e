// Package kit puts the daemon together: it opens everything, introduces the parts to one another, and runs them.
package kit

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"image"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/capture/camlink"
	"edgekit.internal/capture/fanout"
	"edgekit.internal/capture/overlay"
	"edgekit.internal/cmd/edgekit/internal/console"
	"edgekit.internal/cmd/edgekit/internal/control"
	"edgekit.internal/cmd/edgekit/internal/crowd"
	"edgekit.internal/cmd/edgekit/internal/disk"
	"edgekit.internal/cmd/edgekit/internal/heldup"
	"edgekit.internal/cmd/edgekit/internal/listen"
	"edgekit.internal/cmd/edgekit/internal/logs"
	"edgekit.internal/cmd/edgekit/internal/machine"
	"edgekit.internal/cmd/edgekit/internal/once"
	"edgekit.internal/cmd/edgekit/internal/pay"
	"edgekit.internal/cmd/edgekit/internal/pictures"
	"edgekit.internal/cmd/edgekit/internal/portal"
	"edgekit.internal/cmd/edgekit/internal/press"
	"edgekit.internal/cmd/edgekit/internal/remote"
	"edgekit.internal/cmd/edgekit/internal/scan"
	"edgekit.internal/cmd/edgekit/internal/scene"
	"edgekit.internal/cmd/edgekit/internal/seal"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/edgekit/internal/studio"
	"edgekit.internal/cmd/edgekit/internal/upkeep"
	"edgekit.internal/cmd/edgekit/internal/web"
	"edgekit.internal/cmd/edgekit/internal/wifi"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/ui"
	names "edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/drivers/wifiap/firmware"
	"edgekit.internal/hardware/clock"
	"edgekit.internal/hardware/identity"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/catalog"
	"edgekit.internal/pipeline/fulfil"
	"edgekit.internal/pipeline/store"
	"edgekit.internal/pipeline/token"
	"edgekit.internal/pipeline/trace"
)

// Kit is the daemon, ready to run.
type Kit struct {
	config Config
	args   []string // the flags, which win over settings
	book   *setup.Book
	state  *setup.State
	log    *slog.Logger
	ring   *logs.Ring
	wear   *disk.Wear
	said   io.Writer // standard output, for the lines people and tools wait for

	visitors  net.Listener
	media     *net.UDPConn
	operators net.Listener
	local     net.Listener // control.sock
	folder    io.Closer    // the data folder, as this process's own

	id          string
	serving     atomic.Bool
	catalogue   *catalog.Import // from the file that was named; nil: none
	clock       *clock.Clock
	began       time.Duration // kit time at which this run did
	machine     *machine.Machine
	store       *store.Store
	traces      *trace.Ring
	cam         *camlink.Cam
	fan         *fanout.Server
	outlets     []outlet
	studio      *studio.Studio
	remote      *remote.Remote // nil: nowhere
	web         *web.Web
	console     *console.Console
	control     *control.Control
	upkeep      *upkeep.Upkeep
	mint        *token.Mint
	scene       *scene.Scene
	codes       *scene.Codes      // in the picture; nil: none that sell
	printer     *thermal.Printers // nil: none
	queue       *fulfil.Queue
	news        chan store.Decision
	newsDropped atomic.Int64
	changed     chan struct{} // offers were, see offersChanged
	source      sourceWatch
	stills      stillWatch
	wifi        *wifi.Link
	compose     slipMaker
	look        slip.Look
	profile     thermal.Profile
	text        thermal.Text
	certificate tls.Certificate // of the operators' side
	fingerprint string
	wifiSecret  []byte
	restart     chan struct{} // capacity 1
	doorOpen    atomic.Int64  // kit time until which any phone in the kit's Wi-Fi finds the console
	off         chan struct{} // capacity 1
	once        *once.Once
	pictures    *pictures.Shelf
	desk        *press.Desk
	counter     *scan.Counter
	pay         *pay.Desk
	heldUp      *heldup.Watch // nil: the camera does not look
}

// newsQueue bounds the decisions that wait to be told to page and picture. What does not fit is counted and left out:
// pages ask for what they miss, and paper has its own queue, in the store.
const newsQueue = 1024

// maxViewers bounds the pictures that are sent: what a venue's own network and a Pi 4 carry. A kit's own radio has far
// fewer places.
const maxViewers = 256

// roams is how long a phone that is out of reach keeps its connection, without pictures: it goes on where it was when it is back, which
// takes no more than a packet each way. A request takes up to a minute then: browsers go on with the connections that they had begun,
// and TCP tries those ever more seldom.
const roams = 5 * time.Minute

// Open opens everything a kit needs and starts nothing. A Fault in what the person who started it asked for leaves
// nothing open.
func Open(c Config, state *setup.State, log *slog.Logger, ring *logs.Ring, said io.Writer) (_ *Kit, err error) {
	k := &Kit{config: c, state: state, log: log, ring: ring, said: alsoOn(c.Screen, said), traces: trace.NewRing(512), news: make(chan store.Decision, newsQueue), changed: make(chan struct{}, 1), restart: make(chan struct{}, 1), off: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			k.Close()
		}
	}()
	if err := os.MkdirAll(filepath.Join(c.Data, "tickets"), 0o700); err != nil {
		return nil, fault("edgekit: --data: %v: expected a folder that can be written to", err)
	}
	if k.folder, err = disk.Own(c.Data); err != nil {
		return nil, fault("edgekit: --data: %v", err)
	}
	k.openLogs()
	who, err := identity.Open(c.Data)
	if err != nil {
		return nil, fault("edgekit: --data: %v", err)
	}
	k.id, k.wifiSecret = who.ID, who.Secret(settings.JoinSecret)
	if k.certificate, err = identity.Certificate(c.Data, k.id); err != nil {
		return nil, fault("edgekit: --data: %v", err)
	}
	k.fingerprint = identity.Fingerprint(k.certificate)
	if k.local, err = control.Listen(c.Data); err != nil {
		return nil, fault("edgekit: --data: %v", err)
	}
	if err := k.openStore(); err != nil {
		return nil, err
	}
	if err := k.readCatalogue(); err != nil {
		return nil, err
	}
	k.mint, err = token.New(who.Secret("tokens"), who.ID)
	if err != nil {
		return nil, err
	}
	if k.visitors, k.media, k.operators, err = listen.Open(c.Listen, c.Operator); err != nil {
		return nil, fault("edgekit: %v", err)
	}
	if err := k.openPictures(); err != nil {
		return nil, err
	}
	if err := k.openRemote(); err != nil {
		return nil, err
	}
	if err := k.openPrinter(); err != nil {
		return nil, err
	}
	if err := k.openDesk(); err != nil {
		return nil, err
	}
	k.machine = machine.New(machine.Config{Modules: c.Modules, Wifi: firmware.Kind(c.Wifi.Firmware), SetPace: k.cam.SetPace, Kit: k.clock.Now, Boot: k.clock.Boot, Record: k.store.AddFix, Log: log})
	if k.pictures, err = pictures.Open(c.Data, func() bool { return disk.Room(c.Data, disk.Recordings) }); err != nil {
		return nil, fault("edgekit: --data: %v", err)
	}
	k.web = web.New(web.Config{
		Sale: &pipeline.Sale{Tokens: k.mint, Ledger: k.store, Limit: pipeline.NewLimiter(4, 12, 8192), Now: k.clock.Now, Trace: k.traces.Span, Log: log},
		Book: k.store, Mint: k.mint, Now: k.clock.Now, Key: seal.Key(who.Secret("visitors")), Assets: ui.Viewer(), Still: k.still, Log: log, Recording: k.studio.Running, Pictures: k.pictures, PictureOf: k.pictures.Of,
	})
	if err := k.openPay(who.ID); err != nil {
		return nil, err
	}
	k.web.Pay = k.pay
	k.upkeep = upkeep.New(c.Data, log)
	k.wifi = wifi.New(c.Data, c.Wifi.Mode == "ap" || k.findsRadio(), k.staff)
	k.wifi.Looked = k.fan.SetLinks
	k.once = once.New(k.store, log)
	k.control = &control.Control{Book: k.store, Import: k.config.Import, Status: k.status, Now: k.clock.Now, Setup: setUp{state, k}, Log: ring, Crashes: k.crashReports,
		Health: k.health, System: k.upkeep.Status, Update: k.upkeep, Wifi: k.wifi.Handler(), Buttons: k.desk.Buttons, Press: k.desk.Handler(pipeline.ViaConsole), Recordings: k.studio.Handler(), Photo: k.counter.Photo, Forget: k.counter.ForgetGuests, Pictures: k.pictures, Payments: k.pay.List, Paid: k.pay, PrintRoll: slips{k}.Roll, RollPDF: slips{k}.PDF, Codes: codes{k}}
	k.console = console.New(console.Config{
		Book: k.store, Buttons: k.desk.Buttons, Press: k.desk.Handler(pipeline.ViaConsole), Scans: k.counter.Recent, HeldUp: k.heldUp.Latest, Push: k.remote, Devices: k.devices, Slip: k.slipPNG, Slips: slips{k}, Sell: k.web.Counter, Price: k.web.Price, Viewers: k.watching, Metrics: k.metrics(), Ready: k.ready,
		Trace: k.traces, Now: k.clock.Now, Key: seal.Key(who.Secret("operators")), Assets: ui.Console(), Log: log,
		Setup: setUp{state, k}, Paired: k.sayCode, Logs: k.logsFor, Status: k.status, System: k.upkeep.Status, Update: k.upkeep, Camera: operatorsCamera{k}, Recordings: k.studio.Handler(), Recording: k.studio.Now, Once: k.once.Handler, Control: k.control.Handler(), Time: k.machine.PhoneTime, Staff: k.operatorAt,
	})
	return k, nil
}

func (k *Kit) openStore() (err error) {
	path := filepath.Join(k.config.Data, "kit.db")
	k.store, err = store.Open(path, store.Options{
		Now:       func() time.Duration { return k.clock.Now() },
		Boot:      func() uint32 { return k.clock.Boot() },
		Anchor:    func() []byte { return k.clock.Anchor() },
		Committed: k.committed,
		Changed:   k.offersChanged,
		Served:    func(t pipeline.Ticket) { k.web.Ticket(t) },
		Line:      time.Duration(k.config.Line) * time.Second,
		Hold:      time.Duration(k.config.Pay.Hold) * time.Minute,
	})
	if err != nil {
		return fault("edgekit: %v", err)
	}
	anchor, err := k.store.Anchor()
	if err != nil {
		return fault("edgekit: %v", err)
	}
	k.clock = clock.System(anchor)
	k.began = k.clock.Now()
	return nil
}

func (k *Kit) openPrinter() error {
	if err := cmp.Or(k.config.names(), k.config.fonts()); err != nil {
		return err
	}
	fonts, err := overlay.LoadFonts(k.config.fontDirs()...)
	if err != nil {
		return fault("edgekit: --fonts: %v", err)
	}
	profile, err := thermal.ProfileByName(k.config.Paper)
	if err != nil {
		return fault("edgekit: --paper: %v", err)
	}
	text := func(s string, px int, bold bool, maxWidth int) *image.Alpha {
		return fonts.Raster(s, px, overlay.Style{Bold: bold, MaxWidth: maxWidth})
	}
	k.profile, k.text = profile, text
	k.look = slip.Look{Stall: k.config.Stall, Text: k.config.SlipText, Drawer: k.config.Drawer == "yes", Beep: k.config.Beep == "yes"}
	if k.look.Logo, err = k.config.logo(profile); err != nil {
		return err
	}
	k.compose = func(t pipeline.Ticket, again bool, p thermal.Profile) []byte {
		return slip.Compose(t, k.look, again, p, text)
	}
	if k.config.Printer == "none" {
		return nil
	}
	k.printer, err = thermal.NewPrinters(thermal.Config{Spec: k.config.Printer, Model: k.config.Model, Dir: filepath.Join(k.config.Data, "tickets"), Profile: profile, Log: k.log,
		FirstByte: func(job string) { k.firstByte(job) }})
	if err != nil {
		return fault("edgekit: --printer: %v", err)
	}
	k.queue = fulfil.New(k.store, k.printSlip, k.traces.Since, k.log)
	k.queue.Old = k.old
	return nil
}

// Run serves until ctx ends, or until an update is installed: then it is a Reboot.
func (k *Kit) Run(ctx context.Context) error {
	page, err := k.web.Handler(k.fan.WHEP("/whep", k.web.Attach))
	if err != nil {
		return err
	}
	visitors := portal.New(portal.Config{Stall: k.config.Stall, Names: []string{names.Name}, Stations: k.wifi, Shop: k.web, Tickets: k.store.TicketsOf, Key: k.web.Key, Next: page, Log: k.log})
	door := listen.Split(k.visitors, k.fan.Stream)
	operators, console := k.operators, k.console.Handler()
	if k.scheme() == "http" {
		console = listen.AtHome(console)
	} else {
		operators = tls.NewListener(operators, &tls.Config{Certificates: []tls.Certificate{k.certificate}, MinVersion: tls.VersionTLS12})
	}
	k.begins()
	k.openDoor()
	defer k.ended()
	all, ctx := errgroup.WithContext(ctx)
	// The store outlives what asks it: it ends when they have.
	writing, written := context.WithCancel(context.WithoutCancel(ctx))
	stored := make(chan error, 1)
	go func() { stored <- k.store.Run(writing) }()
	if err := k.importCatalogue(ctx); err != nil {
		written()
		<-stored
		return err
	}
	run := func(f func(context.Context) error) { all.Go(func() error { return f(ctx) }) }
	run(k.keepLogs)
	run(k.runCamera)
	run(k.fan.Run)
	run(k.web.Run)
	run(k.tell)
	run(k.machine.Run)
	run(k.wifi.Run)
	run(crowd.New(k.wifi, pages{k.web, visitors}, time.Duration(k.config.Wifi.Stay)*time.Minute, k.log).Run)
	run(func(ctx context.Context) error { return k.scene.SayFull(ctx, k.wifi.Phones) })
	run(k.desk.Run)
	run(k.counter.Run)
	run(k.pay.Run)
	if k.remote != nil {
		run(k.remote.Run)
	}
	if k.heldUp != nil {
		run(k.heldUp.Run)
	}
	if k.printer != nil {
		run(k.printer.Run)
		run(k.queue.Run)
		run(k.printDue)
	}
	run(k.studio.Run)
	run(k.provision)
	run(k.awaitRestart)
	run(func(ctx context.Context) error { return listen.Serve(ctx, door, visitors, k.log) })
	run(func(ctx context.Context) error { return listen.Serve(ctx, operators, console, k.log) })
	run(func(ctx context.Context) error {
		return listen.Serve(ctx, k.local, k.once.Handler(k.control.Handler()), k.log)
	})
	run(k.untilUpdated)
	run(k.untilShutDown)
	k.serving.Store(true)
	fmt.Fprintf(k.said, "viewer %s\nconsole %s/console\n", listen.Address("http", k.visitors), listen.Address(k.scheme(), k.operators))
	k.sayCode(k.console.Code())
	if others := listen.Reached(k.visitors); len(others) > 0 {
		k.log.Info("phones on the same network open one of these", "addresses", strings.Join(others, " "))
	}
	err = all.Wait()
	written()
	if e := <-stored; err == nil {
		err = e
	}
	return err
}

// Close releases what Open opened. Run must have ended.
func (k *Kit) Close() {
	for _, c := range []io.Closer{k.local, k.visitors, k.operators} {
		if c != nil {
			c.Close()
		}
	}
	if k.media != nil {
		k.media.Close()
	}
	if k.store != nil {
		if err := k.store.Close(); err != nil {
			k.log.Warn("store not closed well", "err", err)
		}
	}
	if k.folder != nil {
		k.folder.Close() // last: until here it is this process's
	}
}
