//go:build bench

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
)

// viewerCost is what a crowd costs a server, a viewer: ms of processors' time a second, and KB of memory (PSS).
type viewerCost struct{ cpu, memory float64 }

// benchFanout serves one and the same stream from the kit and its peers to the same viewers, one server after the
// other while all of them get the stream. What a server takes without the crowd is taken off. Players ask for lost packets
// again and report what arrives; the kit encodes its two layers.
func benchFanout(t *testing.T, b *bench) {
	k := kittest.Start(t, "-printer", "none", "-camera", "file:"+webcam(t, t.TempDir()), "-layers", "1280x720@30:1500,640x360@30:500")
	peers, missing := startPeers(t)
	feedPeers(t, k.Viewer+"/whep", peers)
	servers := append([]*peer{{name: "edgekit", pid: k.PID(), whep: k.Viewer + "/whep"}}, peers...)
	time.Sleep(2 * time.Second)

	const idle, busy = 5 * time.Second, 6 * time.Second
	before, alone := make([]time.Duration, len(servers)), make([]viewerCost, len(servers))
	for i, s := range servers {
		before[i] = cpuOf(t, s.pid)
	}
	time.Sleep(idle)
	for i, s := range servers {
		alone[i] = viewerCost{float64(cpuOf(t, s.pid)-before[i]) / float64(time.Millisecond) / idle.Seconds(), memoryOf(t, s.pid, "Pss")}
	}

	const rounds = 2 // what else the machine does then falls on all alike
	costs, said := make([]viewerCost, len(servers)), make([]string, len(servers))
	for round := range rounds {
		for i, s := range servers {
			c := gather(t, "players", s.whep)
			time.Sleep(2 * time.Second) // until buffers and windows have their size
			packets, bytes := c.got(t)
			cpu, begun := cpuOf(t, s.pid), time.Now()
			time.Sleep(busy)
			took := time.Since(begun).Seconds()
			used := float64(cpuOf(t, s.pid)-cpu) / float64(time.Millisecond) / took
			packetsNow, bytesNow := c.got(t)
			costs[i].cpu += (used - alone[i].cpu) / crowdSize / rounds
			if round == 0 { // later ones find memory that is not given back yet
				costs[i].memory = (memoryOf(t, s.pid, "Pss") - alone[i].memory) * 1000 / crowdSize
			}
			said[i] = fmt.Sprintf("%s %.2f ms/viewer-s, %.0f KB/viewer (%.2f Mbit/s, %.0f packets/s each; alone %.0f ms/s, %.0f MB)", s.name, costs[i].cpu, costs[i].memory,
				(bytesNow-bytes)*8/took/1e6/crowdSize, (packetsNow-packets)/took/crowdSize, alone[i].cpu, alone[i].memory)
			if i == 0 && round == 0 {
				b.put(daemonRSS, memoryOf(t, k.PID(), "Rss"), "edgecam beside it %.0f MB", memoryOf(t, kittest.Child(t, k.PID(), "edgecam"), "Rss"))
			}
			c.leave()
			time.Sleep(time.Second)
		}
	}
	notes := strings.Join(append(said, missing...), "; ")
	if len(peers) == 0 {
		b.miss(viewerCPU, "%s; beside pion's own track: %s", notes, besideTrack(t))
		b.miss(viewerMemory, "as above")
		return
	}
	best := costs[1]
	for _, c := range costs[2:] {
		best = viewerCost{min(best.cpu, c.cpu), min(best.memory, c.memory)}
	}
	b.put(viewerCPU, costs[0].cpu/best.cpu, "%s", notes)
	b.put(viewerMemory, costs[0].memory/best.memory, "as above")
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
