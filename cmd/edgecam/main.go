// Edgecam is the kit's camera program: it takes pictures from a camera, has the scene drawn over them, and encodes them to H.264 in
// several sizes; if asked to, it reads the codes of products in them. What a microphone hears it encodes to Opus. It is started and kept alive by edgekit, with which it speaks over
// a socket (capture/camlink), and holds the kit's only C code, so that a fault in that costs half a second of picture and no sale.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/capture/meter"
	"edgekit.internal/capture/overlay"
	"edgekit.internal/cmd/edgecam/internal/encode"
	"edgekit.internal/cmd/edgecam/internal/hear"
	"edgekit.internal/cmd/edgecam/internal/openh264"
	"edgekit.internal/cmd/edgecam/internal/opus"
	"edgekit.internal/cmd/edgecam/internal/source"
	"edgekit.internal/hardware/crash"
)

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "edgecam:", err)
		os.Exit(2)
	}
	if o.crash != "" {
		warn(crash.Arm(o.crash, "edgecam"))
	}
	// A picture is a megabyte and lives for 50 ms: let some gather before they are collected.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(192 << 20)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err = run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "edgecam:", err)
		os.Exit(1)
	}
}

// errLinkClosed ends the program when the daemon goes.
var errLinkClosed = errors.New("link closed")

func run(ctx context.Context, o options) error {
	link, err := camlink.Inherit(o.link)
	if err != nil {
		return err
	}
	fonts, err := overlay.LoadFonts(o.fonts...)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, fonts.Note())
	painter, slot := overlay.New(fonts), encode.NewSlot()
	loop, err := encode.New(encode.Config{Layers: o.layers, Encoder: encoder, Painter: painter, Link: link, Frames: slot})
	if err != nil {
		return err
	}
	light := meter.Meter{Told: func(zs []capture.Zone) { warn(link.SendZones(zs)) }}
	put, setPace, looking := look(o.look, func(f capture.Frame) { light.Show(f); slot.Put(f) }, o.want.Pace.Set, func(c capture.Code) { warn(link.SendCode(c)) })
	ear := hear.New(hear.Config{Open: o.microphone, Better: o.better, Encoder: soundEncoder, Link: link})
	cameras := source.New(source.Config{Open: o.open, Choice: o.choice, Put: put, Size: o.want.Size, Slate: source.Slate(fonts, o.want.Size),
		Report: func(s capture.Source) { warn(link.SendSource(s)) }})
	if err := link.SendHello(o.layers); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return cameras.Run(ctx) })
	group.Go(func() error { return looking(ctx) })
	group.Go(func() error { return ear.Run(ctx) })
	group.Go(func() error { return errors.Join(loop.Run(ctx), loop.Close()) })
	group.Go(func() error {
		if err := link.Run(ctx, camlink.Orders{Scene: painter.SetScene, Keyframe: loop.WantKeyframe, Bitrate: loop.SetBitrate, Pace: setPace, Still: loop.WantStill, Refocus: cameras.Refocus, Mute: ear.SetMute, NextCamera: cameras.Next, Prefer: cameras.Prefer}); err != nil {
			return err
		}
		return errLinkClosed
	})
	if err := group.Wait(); !errors.Is(err, errLinkClosed) {
		return err
	}
	return nil
}

func encoder(l capture.Layer) (encode.Encoder, error) {
	return openh264.New(openh264.Config{Width: l.Width, Height: l.Height, FPS: l.FPS, Kbps: l.Kbps})
}

func soundEncoder() (hear.Encoder, error) {
	e, err := opus.NewEncoder()
	if err != nil {
		return nil, err
	}
	return e, nil
}

func warn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "edgecam:", err)
	}
}
