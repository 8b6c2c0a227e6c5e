package wire

// Push is how the stream to viewers elsewhere does. There is nothing secret in it. The console switches it by
// POST /api/operator/push, a PushSwitch.
type Push struct {
	State  string `json:"state"`            // off, connecting, live or waiting
	Server string `json:"server"`           // its name
	Reason string `json:"reason,omitempty"` // of waiting, for people
	Kbps   int    `json:"kbps,omitempty"`   // of live, in hundreds
	RTTMS  int64  `json:"rtt_ms,omitempty"`
	Lost   int    `json:"lost,omitempty"` // percent
	Sound  bool   `json:"sound,omitempty"`
}

// PushSwitch switches it.
type PushSwitch struct {
	On bool `json:"on"`
}
