//go:build lab

package alsa

import (
	"context"
	"errors"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
	"edgekit.internal/capture/alsa/usbmic"
)

// These run over the kernel's own drivers: snd-usb-audio with the microphone of package usbmic, and snd-aloop.

// TestLabUSBMicrophonesOfAllKindsAreHeard: without a sample lost. When they are heard is not asked here: to carry a thousand packets a second by USB/IP
// takes an emulated processor longer than the second.
func TestLabUSBMicrophonesOfAllKindsAreHeard(t *testing.T) {
	for _, c := range []struct {
		config usbmic.Config
		format string
	}{
		{usbmic.Config{Rate: 48000, Channels: 1, Off: 2e-4}, "48000 Hz 16-bit mono"},
		{usbmic.Config{Rate: 44100, Channels: 2, Off: -3e-4}, "44100 Hz 16-bit stereo"},
		{usbmic.Config{Rate: 16000, Channels: 1}, "16000 Hz 16-bit mono"},
	} {
		mic := plug(t, c.config)
		d, err := Open(find(t, usbmic.Name).Path)
		if err != nil {
			t.Fatal(err)
		}
		if d.Format() != c.format || d.Name() != usbmic.Name {
			t.Errorf("%s, %s, expected %s", d.Name(), d.Format(), c.format)
		}
		heard := raw(t, d, d.mode.rate)
		steepest := .5 * 2 * math.Pi * usbmic.Hz / float64(d.mode.rate)
		least, most, breaks := heard[0], heard[0], 0
		for i, v := range heard[1:] {
			least, most = min(least, v), max(most, v)
			if math.Abs(float64(v-heard[i])) > 1.05*steepest+2./32768 {
				breaks++
			}
		}
		t.Logf("%s: %d frames of a tone of %.2f to %.2f, broken %d times; buffer of %d in periods of %d", c.format, len(heard), least, most, breaks, d.mode.buffer, d.mode.period)
		if breaks > 0 || math.Abs(float64(most)-.5) > .01 || math.Abs(float64(least)+.5) > .01 {
			t.Errorf("%s: the tone goes from %.2f to %.2f and is broken %d times", c.format, least, most, breaks)
		}
		if err := errors.Join(d.Close(), mic.Unplug()); err != nil {
			t.Error(err)
		}
	}
}

// TestLabAMicrophoneIsPulledAndFoundAgain: while it runs.
func TestLabAMicrophoneIsPulledAndFoundAgain(t *testing.T) {
	for round := range 2 {
		mic := plug(t, usbmic.Config{Rate: 48000, Channels: 1})
		info := find(t, usbmic.Name)
		if info.Driver != "USB-Audio" || info.Camera {
			t.Errorf("found %+v", info)
		}
		if first := Find()[0]; first != info {
			t.Errorf("%+v comes before the USB microphone", first)
		}
		d, err := Open(info.Path)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := Open(info.Path); err == nil {
			second.Close()
			t.Error("a microphone with two listeners")
		} else if !strings.Contains(err.Error(), "another program") {
			t.Errorf("a second listener is told: %v", err)
		}
		n := 0
		err = d.Run(t.Context(), func(capture.Samples) {
			if n++; n == 10 {
				go mic.Unplug()
			}
		})
		if !errors.Is(err, ErrUnplugged) || n < 10 {
			t.Errorf("round %d: %v after %d pieces, expected %v", round+1, err, n, ErrUnplugged)
		}
		if err := errors.Join(d.Close(), mic.Unplug()); err != nil {
			t.Error(err)
		}
		if _, err := Open(info.Path); !errors.Is(err, ErrUnplugged) {
			t.Errorf("a microphone that is gone: %v", err)
		}
	}
}

// TestLabSoundIsHeardInTime: a tone that goes into the loopback card at a time of CLOCK_MONOTONIC comes out with that time, at any rate. An emulated machine
// with others beside it loses sound, and its timers, by which the loopback card moves sound from end to end, come late: one good run in five will do.
func TestLabSoundIsHeardInTime(t *testing.T) {
	t.Cleanup(noLoopback)
	for _, rate := range []int{48000, 44100, 16000} {
		good := false
		for run := 0; run < 5 && !good; run++ {
			late, below, whole := loop(t, rate)
			good = whole && math.Abs(late) < .025 && below > 20
		}
		if !good {
			t.Errorf("%d Hz: the tone was never heard within 25 ms of its time", rate)
		}
	}
}

// loop plays and hears a tone; whole: without a gap.
func loop(t *testing.T, rate int) (late, below float64, whole bool) {
	stopped := play(t, rate)
	d := loopback(t)
	if !strings.HasPrefix(d.Format(), mode{format: s16, channels: 1, rate: rate}.String()) {
		t.Errorf("%s, expected %d Hz as it is played", d.Format(), rate)
	}
	heard := listen(t, d, 200)
	underrun := stopped()
	late, below, gaps := judge(heard[len(heard)/2:])
	t.Logf("%s: %d pieces, %.1f ms from their time, all else %.0f dB below, %d gaps, %d overruns, %v", d.Format(), len(heard), late*1000, below, gaps, d.Overruns(), underrun)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return late, below, gaps == 0 && d.Overruns() == 0 && underrun == nil
}

// TestLabAnOverrunIsAGap: a listener that was away for longer than the card keeps sound goes on, and what it gets has its own time. Of that time, as above, one good
// run in five will do; that each overrun is a gap, and is counted, holds in all.
func TestLabAnOverrunIsAGap(t *testing.T) {
	t.Cleanup(noLoopback)
	good := false
	for run := 0; run < 5 && !good; run++ {
		late, below, whole := overrun(t)
		good = whole && math.Abs(late) < .045 && below > 20
	}
	if !good {
		t.Error("after an overrun the tone was never heard within 45 ms of its time")
	}
}

// overrun is away for a while, and judges what it hears some time later; whole: without a gap since.
func overrun(t *testing.T) (late, below float64, whole bool) {
	stopped := play(t, 48000)
	d := loopback(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	away := time.Duration(d.mode.buffer)*time.Second/time.Duration(d.mode.rate) + 300*time.Millisecond
	var heard []capture.Samples
	if err := d.Run(ctx, func(s capture.Samples) {
		switch heard = append(heard, s); len(heard) {
		case 20:
			<-time.After(away)
		case 300:
			stop()
		}
	}); err != nil || len(heard) < 300 {
		t.Fatalf("%d pieces of 300: %v", len(heard), err)
	}
	underrun := stopped()
	_, _, gaps := judge(heard)
	late, below, since := judge(heard[200:])
	t.Logf("away for %v: %d overruns, %d gaps; then %.1f ms from their time, all else %.0f dB below, %d gaps, %v", away, d.Overruns(), gaps, late*1000, below, since, underrun)
	if d.Overruns() == 0 || gaps == 0 {
		t.Errorf("away for %v: %d overruns, %d gaps", away, d.Overruns(), gaps)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return late, below, since == 0 && underrun == nil
}

func plug(t *testing.T, c usbmic.Config) *usbmic.Microphone {
	t.Helper()
	load(t, "vhci_hcd", "snd-usb-audio")
	mic, err := usbmic.Plug(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mic.Unplug() })
	return mic
}

func load(t *testing.T, modules ...string) {
	t.Helper()
	if out, err := exec.Command("modprobe", append([]string{"-a"}, modules...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// noLoopback takes the loopback card away, which to others' tests would be a microphone.
func noLoopback() { _ = exec.Command("modprobe", "-r", "snd-aloop").Run() }

// loopback opens the recording end of the card that play plays to.
func loopback(t *testing.T) *Device {
	t.Helper()
	d, err := Open(strings.Replace(find(t, "Loopback").Path, "D1c", "D0c", 1))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// play plays usbmic's tone to the loopback card, whose other end then has its rate, until it is stopped, which tells
// whether there was always something to play.
func play(t *testing.T, rate int) (stopped func() error) {
	t.Helper()
	const writeFrames = 0x40184150 // SNDRV_PCM_IOCTL_WRITEI_FRAMES
	load(t, "snd-aloop")
	path := strings.NewReplacer("D0c", "D1p", "D1c", "D1p").Replace(find(t, "Loopback").Path)
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &Device{fd: fd}
	m := mode{format: s16, channels: 1, rate: rate}
	p := m.buffered(func(p *hwParams) error { return ioctl(fd, pcmHwRefine, p) })
	if err := ioctl(fd, pcmHwParams, &p); err != nil {
		t.Fatal(err)
	}
	if d.mode, err = m.settled(&p); err != nil {
		t.Fatal(err)
	}
	s := swParams{tstampMode: tstampEnable, proto: protocol, tstampType: tstampMonotonic, periodStep: 1, availMin: uint64(d.mode.period), startThreshold: 1, stopThreshold: uint64(d.mode.buffer)}
	if err := errors.Join(ioctl(fd, pcmSwParams, &s), order(fd, pcmPrepare)); err != nil {
		t.Fatal(err)
	}
	turn := make([]int16, 2*rate/usbmic.Hz) // two turns of the tone, to be played from any place in the first
	for i := range turn {
		turn[i] = int16(32767 * usbmic.Tone(time.Duration(i)*time.Second/time.Duration(rate)))
	}
	write := func(pcm []int16) error {
		return ioctl(fd, writeFrames, &transfer{buf: unsafe.Pointer(&pcm[0]), frames: uint64(len(pcm))})
	}
	silence := make([]int16, d.mode.buffer*3/4)
	if err := write(silence); err != nil {
		t.Fatal(err)
	}
	begins := time.Duration(math.MaxInt64) // when what is written next is played: told late, at times, and never early
	for seen := 0; seen < 20; {
		var now status
		if err := ioctl(fd, pcmStatus, &now); err != nil {
			t.Fatal(err)
		}
		if int(now.delay) == len(silence) {
			continue // until it has played something its time is none
		}
		seen++
		begins = min(begins, time.Duration(now.tstamp.sec)*time.Second+time.Duration(now.tstamp.nsec)+time.Duration(now.delay)*time.Second/time.Duration(rate))
		<-time.After(7 * time.Millisecond)
	}
	from := int(begins % (time.Second / usbmic.Hz) * time.Duration(rate) / time.Second)
	stop, ended := make(chan struct{}), make(chan error)
	go func() {
		var err error
		for at := from; err == nil; at = (at + rate/50) % (rate / usbmic.Hz) {
			select {
			case <-stop:
				ended <- nil
				return
			default:
				err = write(turn[at:][:rate/50])
			}
		}
		ended <- err
	}()
	return func() error {
		close(stop)
		return errors.Join(<-ended, unix.Close(fd))
	}
}

// find waits for a microphone to appear among those that Find lists.
func find(t *testing.T, name string) Info {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		found := Find()
		for _, i := range found {
			if i.Name == name {
				return i
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no microphone %q among %+v", name, found)
		}
	}
}

// listen takes n pieces.
func listen(t *testing.T, d *Device, n int) (heard []capture.Samples) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	err := d.Run(ctx, func(s capture.Samples) {
		if heard = append(heard, s); len(heard) == n {
			stop()
		}
	})
	if err != nil || len(heard) < n {
		t.Fatalf("%d pieces of %d: %v", len(heard), n, err)
	}
	return heard
}

// raw takes n frames as the card gives them.
func raw(t *testing.T, d *Device, n int) (heard []float32) {
	t.Helper()
	if err := d.restart(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, d.mode.buffer*d.mode.frameBytes())
	for limit := capture.Monotonic() + time.Minute; len(heard) < n && capture.Monotonic() < limit; {
		fds := []unix.PollFd{{Fd: int32(d.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, 100); err != nil && !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
		_, got, err := d.fetch(b)
		if err != nil {
			t.Fatal(err)
		}
		heard = d.mode.read(heard, b[:got*d.mode.frameBytes()])
	}
	if len(heard) < n {
		t.Fatalf("%d frames of %d", len(heard), n)
	}
	return heard
}

// judge compares sound with what was to be heard: how late it is, how far below that tone all else is in dB, and how often there is a gap.
func judge(heard []capture.Samples) (late, below float64, gaps int) {
	var sine, cosine, total float64
	n := 0
	for i, s := range heard {
		if i > 0 && s.At != heard[i-1].At+capture.SoundLen {
			gaps++
		}
		for j, v := range s.PCM {
			const turn = time.Second / usbmic.Hz
			at := s.At + time.Duration(j)*time.Second/capture.SoundRate
			phase := 2 * math.Pi * float64(at%turn) / float64(turn)
			sine += float64(v) * math.Sin(phase)
			cosine += float64(v) * math.Cos(phase)
			total += float64(v) * float64(v)
			n++
		}
	}
	tone := 2 * (sine*sine + cosine*cosine) / float64(n)
	return -math.Atan2(cosine, sine) / (2 * math.Pi * usbmic.Hz), 10 * math.Log10(tone/max(total-tone, 1)), gaps
}
