package camlink

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/capture"
)

// The test binary, started again with this variable set, is the camera program (or a daemon that has one).
const role = "CAMLINK_TEST_ROLE"

// What the camera program does when a key picture of these layers is asked for.
const (
	doKey = iota
	_
	doCrash
	doExit
	doHang
	doTalkNonsense
	doSpeakWrongly
)

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "camera":
		os.Exit(camera(false, 10*time.Millisecond))
	case "slow":
		time.Sleep(300 * time.Millisecond) // as fonts on a worn card take
		os.Exit(camera(false, 10*time.Millisecond))
	case "sluggish":
		os.Exit(camera(false, 900*time.Millisecond))
	case "stubborn":
		os.Exit(camera(true, 10*time.Millisecond))
	case "daemon":
		os.Exit(daemon())
	}
	goleak.VerifyTestMain(m)
}

// camera sends a "picture" each time and answers scenes with areas. A stubborn one does not go when it should.
func camera(stubborn bool, each time.Duration) int {
	link, err := Inherit(3)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	orders := make(chan uint8, 16)
	scenes := make(chan capture.Scene, 16)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	must(link.SendHello([]capture.Layer{{Width: 16, Height: 16, FPS: 100, Kbps: 1}}))
	must(link.SendSource(capture.Source{State: "ready", Name: "first", At: fmt.Sprint("port of ", os.Getpid())}))
	go func() {
		ended <- link.Run(ctx, Orders{
			Scene:    func(s capture.Scene) { scenes <- s },
			Keyframe: func(l uint8) { orders <- l },
			Mute: func(on bool) {
				must(link.SendMicrophone(capture.Microphone{State: "ready", Muted: on, Level: -30}))
				must(link.SendSound(capture.Sound{RTP: 1, At: 1, Data: []byte{1}}))
			},
			Prefer: func(at string) { must(link.SendSource(capture.Source{State: "ready", Name: "preferred", At: at})) },
		})
	}()
	fmt.Fprintln(os.Stderr, "camera up")
	tick := time.NewTicker(each)
	defer tick.Stop()
	key := true
	for n := uint64(1); ; n++ {
		select {
		case <-tick.C:
		case s := <-scenes:
			must(link.SendAreas(capture.Areas{RTP: capture.Timestamp(capture.Monotonic()), Rev: s.Rev}))
		case what := <-orders:
			switch what {
			case doKey:
				key = true
			case doCrash:
				panic("told to crash")
			case doExit:
				return 0
			case doHang:
				select {}
			case doTalkNonsense:
				link.out.control(kindSource, []byte("GET / HTTP/1.1\r\n\r\n"))
			case doSpeakWrongly:
				_, err := link.SendAccessUnit(capture.AccessUnit{Layer: 5, Data: []byte{1}})
				must(err)
			}
		case err := <-ended:
			if stubborn {
				select {}
			}
			must(err)
			return 0
		}
		at := capture.Monotonic()
		_, err := link.SendAccessUnit(capture.AccessUnit{Key: key, RTP: capture.Timestamp(at), At: at, Data: []byte{byte(n)}})
		must(err)
		key = false
		must(link.SendBeat(Beat{Frames: n}))
	}
}

// daemon runs a stubborn camera, prints its process ID and never ends.
func daemon() int {
	pictures := make(chan struct{}, 1)
	cam := New(Config{Path: os.Args[0], Env: []string{role + "=stubborn"}, OnAccessUnit: func(capture.AccessUnit) {
		select {
		case pictures <- struct{}{}:
		default:
		}
	}})
	go func() {
		<-pictures
		fmt.Println(cam.Stats().PID)
	}()
	must(cam.Run(context.Background()))
	return 0
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func TestChildsLinesReachTheLogWithinBounds(t *testing.T) {
	var out bytes.Buffer
	l := &lineLog{log: slog.New(slog.NewTextHandler(&out, nil))}
	fmt.Fprint(l, "half a ")
	fmt.Fprint(l, "line\nbad \xff byte\n"+strings.Repeat("x", 3*maxLine)+"\n")
	for i := range 1000 {
		fmt.Fprintf(l, "line %d\n", i)
	}
	fmt.Fprint(l, strings.Repeat("endless", 100_000))
	if len(l.rest) > maxLine {
		t.Errorf("%d bytes kept", len(l.rest))
	}
	got := out.String()
	for _, want := range []string{`line="half a line"`, `line="bad ? byte"`, `line="line 0"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != maxLines || strings.Contains(got, strings.Repeat("x", maxLine+1)) {
		t.Errorf("%d lines logged: %.200s", n, got)
	}
}

// run starts the test binary in a role, as a process of its own.
func run(t *testing.T, as string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+as)
	cmd.Stderr = &stderr
	return cmd, &stderr
}
