//go:build bench

package main

import (
	"fmt"
	"maps"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// crowds are the numbers of players at which a server is looked at, one after the other.
var crowds = []int{0, 10, 25, crowdSize}

// serving is what one server has cost, a round each: by how much its processors' time (ms a second) and its memory (PSS,
// KB) grow with a viewer.
type serving struct {
	cpu, memory   sample
	rate, whole   sample // Mbit/s, and whole pictures a second, that each of the whole crowd got
	alone, filled sample // MB without and with the whole crowd
	cipher        string
	resident      float64 // RSS with the whole crowd, in MB
}

const kitName = "edgekit"

// benchFanout serves one and the same stream from the kit and its peers to the same players, one server after the other
// while all of them show it, by processes that nobody has used before. Players ask for lost packets again and report
// what arrives, as far as a server lets them; the kit has two layers. Neither its camera program nor the players count.
func benchFanout(t *testing.T, b *bench) {
	film := shootFilm(t)
	servers, missing := map[string]*serving{}, []string(nil)
	for tries, rounds := 0, 1; tries < 2*rounds && (servers[kitName] == nil || len(servers[kitName].cpu) < rounds); tries++ {
		t.Run(fmt.Sprint("round ", tries+1), func(t *testing.T) {
			k := kittest.Start(t, "-printer", "none", "-edgecam", film.projector)
			var peers []*peer
			if peers, missing = startPeers(t); len(peers) > 0 {
				rounds = 3
			}
			feedPeers(t, film, peers)
			all := append([]*peer{{name: kitName, pid: k.PID(), whep: k.Viewer + "/whep"}}, peers...)
			time.Sleep(2 * time.Second)
			round := map[string]serving{}
			for i := range all {
				p := all[(i+tries)%len(all)] // who is first has the coolest machine
				s, ok := look(t, p)
				if !ok {
					return // what is left out of one is left out of all
				}
				round[p.name] = s
				if p == all[0] {
					b.put(daemonRSS, s.resident, "edgecam beside it %.0f MB", film.edgecam)
				}
			}
			if n := len(servers); n > 0 && len(round) != n {
				return
			}
			for name, s := range round {
				if servers[name] == nil {
					servers[name] = &serving{}
				}
				servers[name].add(s)
			}
		})
	}
	if servers[kitName] == nil {
		b.miss(viewerCPU, "the stream never came through whole: this machine has other work to do")
		b.miss(viewerMemory, "as above")
		return
	}
	compare(t, b, servers, missing)
}

// compare says how the kit does beside its peers, round by round.
func compare(t *testing.T, b *bench, servers map[string]*serving, missing []string) {
	kit := servers[kitName]
	delete(servers, kitName)
	said := []string{kitName + " " + kit.String()}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		said = append(said, name+" "+servers[name].String())
	}
	said = append(said, missing...)
	if len(servers) == 0 {
		b.miss(viewerCPU, "%s; beside pion's own track: %s", strings.Join(said, "; "), besideTrack(t))
		b.miss(viewerMemory, "as above")
		return
	}
	var cpu, memory sample
	for round := range kit.cpu {
		best, least := math.Inf(1), math.Inf(1)
		for _, s := range servers {
			best, least = min(best, s.cpu[round]), min(least, s.memory[round])
		}
		cpu, memory = append(cpu, kit.cpu[round]/best), append(memory, kit.memory[round]/least)
	}
	b.put(viewerCPU, cpu.at(.5), "%s in %d rounds; %s", cpu.spread("%.2f"), len(cpu), strings.Join(said, "; "))
	b.put(viewerMemory, memory.at(.5), "%s; as above", memory.spread("%.3f"))
}

// look takes a server's cost while its crowd grows. It reports false when the stream does not come through whole.
func look(t *testing.T, p *peer) (s serving, ok bool) {
	t.Helper()
	const settle = 5 * time.Second / 2 // until buffers and windows have their size
	c := newCrowd(t, "players", p.whep)
	defer c.leave()
	var viewers, cpu, memory sample
	var last stretch
	for i, n := range crowds {
		if i > 0 {
			c.join(t, n-crowds[i-1])
		}
		time.Sleep(settle)
		for tries := 0; ; tries++ {
			if last = watch(t, c, p, n); n == 0 || last.whole() {
				break
			}
			if tries == 9 {
				t.Logf("%s with %d viewers: %.2f Mbit/s and %.1f whole pictures/s each, which is not the stream", p.name, n, last.rate, last.pictures)
				return s, false
			}
		}
		viewers, cpu, memory = append(viewers, float64(n)), append(cpu, last.cpu), append(memory, memoryOf(t, p.pid, "Pss"))
	}
	t.Logf("%s with %v viewers: %.1f ms/s, %.1f MB; %.2f Mbit/s and %.1f whole pictures/s each", p.name, crowds, cpu, memory, last.rate, last.pictures)
	return serving{
		cpu: sample{slope(viewers, cpu)}, memory: sample{1000 * slope(viewers, memory)}, cipher: last.cipher,
		resident: memoryOf(t, p.pid, "Rss"), rate: sample{last.rate}, whole: sample{last.pictures}, alone: sample{memory[0]}, filled: sample{memory[len(memory)-1]},
	}, true
}

// stretch is what happened in some seconds: a server's processors' time in ms a second, and what each player got of it.
type stretch struct {
	cpu, rate, pictures float64
	cipher              string
}

func watch(t *testing.T, c *crowd, p *peer, viewers int) stretch {
	t.Helper()
	had, used, begun := c.got(t), cpuOf(t, p.pid), time.Now()
	time.Sleep(3 * time.Second)
	spent, took, has := cpuOf(t, p.pid)-used, time.Since(begun), c.got(t)
	each := took.Seconds() * float64(max(viewers, 1))
	return stretch{cpu: spent.Seconds() * 1000 / took.Seconds(), rate: (has.bytes - had.bytes) * 8 / 1e6 / each, pictures: (has.pictures - had.pictures) / each, cipher: has.cipher}
}

// whole says whether the stream came through, no more and no less, which it does not when other work keeps anybody from theirs.
func (s stretch) whole() bool { return math.Abs(s.rate-1.5) < 0.12 && math.Abs(s.pictures-30) < 1 }

// add takes what another round has found.
func (s *serving) add(o serving) {
	s.cpu, s.memory, s.rate, s.whole = append(s.cpu, o.cpu...), append(s.memory, o.memory...), append(s.rate, o.rate...), append(s.whole, o.whole...)
	s.alone, s.filled, s.cipher = append(s.alone, o.alone...), append(s.filled, o.filled...), o.cipher
}

func (s *serving) String() string {
	return fmt.Sprintf("%s ms/viewer-s, %s KB/viewer (%s: %.2f Mbit/s, %.1f whole pictures/s each; %.0f MB alone, %.0f MB with all)", s.cpu.spread("%.2f"), s.memory.spread("%.0f"),
		s.cipher, s.rate.at(.5), s.whole.at(.5), s.alone.at(.5), s.filled.at(.5))
}

// slope is by how much y grows with x: that of the line of least squares.
func slope(x, y sample) float64 {
	var n, sx, sy, sxx, sxy float64
	for i := range x {
		n, sx, sy, sxx, sxy = n+1, sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

var metric = regexp.MustCompile(`Serve/(\S+)\s.*?([\d.]+) KiB/viewer.*?([\d.]+) ms/viewer-s`)

// besideTrack is the comparison that needs no peer: the fan-out beside pion's track, in one process each.
func besideTrack(t *testing.T) string {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "Serve", "-benchtime", "200x", "../../capture/fanout").CombinedOutput()
	if err != nil {
		t.Errorf("go test: %v\n%s", err, out)
	}
	var said []string
	for _, m := range metric.FindAllStringSubmatch(string(out), -1) {
		kib, _ := strconv.ParseFloat(m[2], 64)
		said = append(said, fmt.Sprintf("%s %s ms/viewer-s, %.0f KB/viewer", m[1], m[3], kib*1.024))
	}
	return strings.Join(said, "; ")
}
