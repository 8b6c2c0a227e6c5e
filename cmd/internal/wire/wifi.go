package wire

import "time"

// WifiSocket is the name of the access point program's socket in the data folder, mode 0600. edgeap makes it, and replaces one
// that a crash left. It answers HTTP:
//
//	GET  /status                     a Wifi
//	POST /stations/{mac}/kick        send a phone away; it may come back
//	POST /stations/{mac}/block       and let it in no more until the kit is switched off
//	POST /stations/{mac}/unblock
//
// A POST that was done is a 204; a refusal is a Problem.
const WifiSocket = "edgeap.sock"

// Wifi is how the access point does. There is nothing secret in it.
type Wifi struct {
	Mode     string        `json:"mode"` // ap, venue or off, of the settings that edgeap goes by
	Device   Device        `json:"device"`
	Retry    time.Time     `json:"retry,omitzero"`  // when it is tried again
	Radio    string        `json:"radio,omitempty"` // the interface; "": there is no radio that can be an access point
	SSID     string        `json:"ssid,omitempty"`
	Security string        `json:"security,omitempty"` // as it is offered
	Channel  int           `json:"channel,omitzero"`
	MHz      int           `json:"mhz,omitzero"`
	Country  string        `json:"country,omitempty"`
	Address  string        `json:"address,omitempty"` // the kit's own in this network, with its length
	Most     int           `json:"most,omitzero"`     // stations that are let in
	MostWhy  string        `json:"most_why,omitempty"`
	PID      int           `json:"pid,omitzero"` // hostapd's
	Starts   int           `json:"starts"`       // how often hostapd was started by this edgeap
	Adopted  bool          `json:"adopted"`      // hostapd was running already, and was taken over
	Stations []WifiStation `json:"stations"`
	Blocked  []string      `json:"blocked"` // addresses of phones that are let in no more
}

// WifiStation is a phone that is on.
type WifiStation struct {
	MAC         string `json:"mac"`
	Authorized  bool   `json:"authorized"`
	WPA3        bool   `json:"wpa3"`
	SignalDBm   int    `json:"signal_dbm,omitzero"` // 0: not known
	RxKbps      int    `json:"rx_kbps,omitzero"`    // from the phone
	TxKbps      int    `json:"tx_kbps,omitzero"`
	RxBytes     uint64 `json:"rx_bytes"`
	TxBytes     uint64 `json:"tx_bytes"`
	IdleMS      int64  `json:"idle_ms"`
	ConnectedMS int64  `json:"connected_ms"`
}
