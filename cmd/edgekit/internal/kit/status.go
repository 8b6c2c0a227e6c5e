package kit

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline/store"
)

// scheme is how operators reach their listener: in the clear only where nobody else can listen.
func (k *Kit) scheme() string {
	if loopback(k.operators) {
		return "http"
	}
	return "https"
}

// status is the kit in a few lines, for edgectl.
func (k *Kit) status() wire.KitStatus {
	s := wire.KitStatus{Kit: k.id, Viewer: address("http", k.visitors), Console: address(k.scheme(), k.operators) + "/console",
		Pairing: k.console.Code(), Viewers: k.fan.Stats().Viewers, Disk: k.diskState()}
	if latest, err := k.store.Tickets(context.Background(), 1); err == nil && len(latest) > 0 {
		s.Tickets = latest[0].N
	}
	for _, d := range k.devices() {
		s.Devices = append(s.Devices, wire.Device{Device: d.Device, Name: d.Name, State: string(d.State), Reason: d.Reason})
	}
	return s
}

// sayCode says the pairing code to who started the kit, once it serves.
func (k *Kit) sayCode(code string) {
	if k.serving.Load() {
		fmt.Fprintln(k.said, "pairing code", code)
	}
}

// metrics answers Prometheus. Everything is read when it is asked for; nothing is counted twice.
func (k *Kit) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, f func(store.Stats) int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "edgekit", Name: name, Help: help}, func() float64 { return float64(f(k.store.Stats())) }))
	}
	gauge := func(name, help string, f func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "edgekit", Name: name, Help: help}, f))
	}
	counter("decisions_total", "Taps decided: sales and recorded refusals.", func(s store.Stats) int64 { return s.Orders })
	counter("commits_total", "Transactions committed.", func(s store.Stats) int64 { return s.Commits })
	counter("commits_failed_total", "Transactions rolled back.", func(s store.Stats) int64 { return s.Failures })
	gauge("orders_waiting", "Orders that wait for the next transaction.", func() float64 { return float64(k.store.Stats().Waiting) })
	gauge("viewers", "Viewers connected to the picture.", func() float64 { return float64(k.fan.Stats().Viewers) })
	gauge("news_dropped", "Decisions that page and picture were not told in time.", func() float64 { return float64(k.newsDropped.Load()) })
	gauge("page_messages_dropped", "Messages to pages that were too slow for them.", func() float64 { return float64(k.web.Dropped()) })
	gauge("disk_free_bytes", "Room on the data folder's disk.", func() float64 { return float64(k.diskState().Free) })
	gauge("disk_written_bytes", "Written to the data folder's disk, as far as this kit counted.", func() float64 { return float64(k.diskState().Written) })
	gauge("log_written_bytes", "Written to the disk by logging since this start.", func() float64 { return float64(k.ring.Written()) })
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
