package machine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap/firmware"
	"edgekit.internal/hardware/board"
	"edgekit.internal/hardware/clock"
	"edgekit.internal/pipeline"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kittest.Clean()
	os.Exit(code)
}

func put(t *testing.T, root, path, text string) {
	t.Helper()
	p := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p+".new", p); err != nil { // whole, as a sensor's file is
		t.Fatal(err)
	}
}

// TestAHotBoardGetsLessPictureWork: the real camera program, and a Pi whose processor gets hot and cools down. Its pictures get
// fewer before the firmware's limit, by their own times, and the operator is told.
func TestAHotBoardGetsLessPictureWork(t *testing.T) {
	root := t.TempDir()
	put(t, root, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\x00")
	put(t, root, "proc/device-tree/compatible", "raspberrypi,4-model-b\x00brcm,bcm2711\x00")
	put(t, root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
	put(t, root, "sys/class/thermal/thermal_zone0/temp", "50000\n")

	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	units := make(chan capture.AccessUnit, 1)
	cam := camlink.New(camlink.Config{
		Path: filepath.Join(kittest.Programs(t), "edgecam"), StartAllowance: time.Minute, Silence: 30 * time.Second, Log: log,
		Args: []string{"-camera", "synthetic", "-width", "320", "-height", "180", "-fps", "10", "-layers", "320x180@10:200"},
		OnAccessUnit: func(au capture.AccessUnit) {
			select {
			case units <- au:
			case <-t.Context().Done():
			}
		}})
	m := New(Config{Modules: "none", Root: root, SetPace: cam.SetPace, Kit: clock.Uptime, Boot: func() uint32 { return 1 },
		Record: func(context.Context, pipeline.Fix) error { return nil }, Log: log})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- cam.Run(ctx) }()
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})

	// gap is the time between the next two pictures.
	var last capture.AccessUnit
	gap := func() time.Duration {
		before := last
		last = <-units
		return last.At - before.At
	}
	rateIs := func(every int) {
		t.Helper()
		for in, tries := 0, 0; in < 8; tries++ { // 8 pictures in a row at the new pace
			d := gap()
			if lowest := time.Duration(every)*100*time.Millisecond - 50*time.Millisecond; d >= lowest && d < 2*lowest+50*time.Millisecond {
				in++
			} else {
				in = 0
			}
			if tries > 600 {
				t.Fatalf("the pictures do not come to one of %d; the board is %+v", every, m.Board())
			}
		}
	}
	rateIs(1)
	for _, step := range []struct {
		temp  string
		every int
		says  string
	}{{"76200", 2, "half its rate"}, {"79000", 4, "a quarter of its rate"}} {
		put(t, root, "sys/class/thermal/thermal_zone0/temp", step.temp+"\n")
		rateIs(step.every)
		d := m.Devices()
		if len(d) == 0 || d[0].State != drivers.Failed || !strings.Contains(d[0].Reason, step.says) || !strings.Contains(d[0].Name, "Raspberry Pi 4") {
			t.Errorf("at %s: %+v", step.temp, d)
		}
	}
	if s := cam.Stats(); s.Starts != 1 {
		t.Errorf("the camera program was started %d times", s.Starts)
	}
}

// TestAFirmwareThatCouldNotBeChosenIsSaid, with what to do where something can be done.
func TestAFirmwareThatCouldNotBeChosenIsSaid(t *testing.T) {
	for err, want := range map[error]string{firmware.ErrLater: "Switch the kit off and on.", firmware.ErrMissing: "Make the card with the firmware", errors.New("it is broken"): "it is broken."} {
		m := &Machine{board: board.New(board.Config{Root: t.TempDir()}), wall: clock.NewWall(clock.WallConfig{Kit: func() time.Duration { return 0 }}), chip: err, cfg: Config{Wifi: firmware.Minimal}}
		i := slices.IndexFunc(m.Devices(), func(s drivers.Status) bool { return s.Device == "Wi-Fi chip" })
		if i < 0 {
			t.Fatal("no row")
		}
		if s := m.Devices()[i]; s.State != drivers.Failed || s.Name != "minimal firmware" || !strings.Contains(s.Reason, want) {
			t.Errorf("%+v, want %q", s, want)
		}
	}
}
