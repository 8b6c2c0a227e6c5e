package kit

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"edgekit.internal/pipeline/store"
)

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
	gauge("viewers", "Viewers connected to the picture.", func() float64 { return float64(k.watching()) })
	gauge("viewers_over_tcp", "Viewers that get the picture over TCP, as their network lets no UDP through.", func() float64 { return float64(k.fan.Stats().OverTCP) })
	gauge("viewers_stalled", "Connections over TCP given up since the phone took nothing for two seconds.", func() float64 { return float64(k.fan.Stats().Stalled) })
	gauge("picture_share", "Share of their bit rates that pictures are encoded to; below 1 where the network carries no more.", func() float64 { return k.fan.Stats().Share })
	gauge("network_kbps", "What the network is reckoned to carry to viewers, while that is less than all could have; 0: enough.", func() float64 {
		if s := k.fan.Stats(); s.Tight {
			return float64(s.Carries)
		}
		return 0
	})
	gauge("news_dropped", "Decisions that page and picture were not told in time.", func() float64 { return float64(k.newsDropped.Load()) })
	gauge("page_messages_dropped", "Messages to pages that were too slow for them.", func() float64 { return float64(k.web.Dropped()) })
	gauge("presses_dropped", "Presses of buttons that were not taken, since too many waited.", func() float64 { return float64(k.desk.Dropped()) })
	gauge("codes_dropped", "Codes seen by the camera that were not looked at, since too many waited.", func() float64 { return float64(k.heldUp.Dropped()) })
	gauge("push_live", "1: the server for viewers elsewhere has the stream.", func() float64 {
		if k.remote.Live() {
			return 1
		}
		return 0
	})
	gauge("push_dropped", "Pictures and packets of sound that were not sent to it, since too many waited.", func() float64 { return float64(k.remote.Dropped()) })
	gauge("board_celsius", "Temperature of the processor; 0: not known.", func() float64 { return k.machine.Board().Celsius })
	gauge("board_memory_available_mb", "Memory that programs could still have.", func() float64 { return float64(k.machine.Board().AvailableMB) })
	gauge("board_throttled", "What the firmware says of power and heat, in the bits of vcgencmd get_throttled.", func() float64 { return float64(k.machine.Board().Throttled) })
	gauge("board_dips", "Looks at the supply, every 2 s since the start, that saw it too low.", func() float64 { return float64(k.machine.Board().Dips) })
	gauge("picture_every", "One of so many of the camera's pictures is worked on; more than 1 spares a hot board.", func() float64 { return float64(k.machine.Board().Load.Every()) })
	gauge("recording_pictures_dropped", "Pictures that were not recorded, since the disk was too slow.", func() float64 { return float64(k.studio.Stats().Dropped) })
	gauge("recording_failures", "Times that the disk failed a recording.", func() float64 { return float64(k.studio.Stats().Failures) })
	gauge("recording_written_bytes", "Written to the disk by recording since this start.", func() float64 { return float64(k.studio.Stats().Bytes) })
	gauge("recording_syncs", "Syncs of recordings to the disk since this start.", func() float64 { return float64(k.studio.Stats().Syncs) })
	gauge("disk_free_bytes", "Room on the data folder's disk.", func() float64 { return float64(k.diskState().Free) })
	gauge("disk_written_bytes", "Written to the data folder's disk, as far as this kit counted.", func() float64 { return float64(k.diskState().Written) })
	gauge("log_written_bytes", "Written to the disk by logging since this start.", func() float64 { return float64(k.ring.Written()) })
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
