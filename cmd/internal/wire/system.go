package wire

import "time"

// System is what a kit runs, and what became of its last updates: GET /update on the control socket,
// GET /api/operator/update on the console.
type System struct {
	Appliance  bool      `json:"appliance"` // it runs from an SD card with two slots, and takes updates
	Version    string    `json:"version,omitempty"`
	Slot       string    `json:"slot,omitempty"` // a or b
	Trial      bool      `json:"trial"`          // it is an update that is not decided yet
	Installing bool      `json:"installing"`
	Done       int64     `json:"done,omitempty"`  // bytes written and read back
	Total      int64     `json:"total,omitempty"` // bytes to write and read back
	Updates    []Verdict `json:"updates,omitempty"`
}

// Verdict is what became of an update.
type Verdict struct {
	Version string    `json:"version"`
	From    string    `json:"from"`
	Outcome string    `json:"outcome"` // kept, failed or interrupted
	Why     string    `json:"why"`
	At      time.Time `json:"at"` // by the kit's wall clock, which may have been wrong
}

// Installed answers an update that was taken: the kit restarts into it.
type Installed struct {
	Version string `json:"version"`
}

// Health answers GET /health on the control socket: what is not as it should be, in sentences. None: the kit is healthy.
type Health struct {
	Sick []string `json:"sick"`
}
