package wire

import "time"

// WifiSocket is the name of the access point program's socket in the data folder, mode 0600. edgeap makes it, and replaces one
// that a crash left. It answers HTTP:
//
//	GET  /status                     a Wifi
//	POST /stations/{mac}/kick        send a phone away; it may come back
//	POST /stations/{mac}/block       and let it in no more until the kit is switched off
//	POST /stations/{mac}/unblock
//	POST /stations/{mac}/rest        send a phone away and let it in no more for WifiRest
//	GET  /guests/{ip}                a WifiGuest: who has that address in the kit's network, which nobody else can send from while it is on
//	PUT  /guests/{ip}/accepted       it has been through the captive portal: names are answered as the internet's from now on
//	DELETE /guests/{ip}/accepted     and has not any more
//	PUT  /staff                      a WifiStaff: who reaches the operators' door from the kit's Wi-Fi. Until then nobody
//
// What was done is a 204; a refusal is a Problem, with the reason unknown (404) where no such phone is on, or no phone has that address.
const WifiSocket = "edgeap.sock"

// WifiRest is for how long a phone rests that gave its place to another.
const WifiRest = 2 * time.Minute

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
	Why      string        `json:"channel_why,omitempty"` // it is on this channel: sentences for people
	Country  string        `json:"country,omitempty"`
	Address  string        `json:"address,omitempty"` // the kit's own in this network, with its length
	Most     int           `json:"most,omitzero"`     // stations that are let in
	MostWhy  string        `json:"most_why,omitempty"`
	PID      int           `json:"pid,omitzero"` // hostapd's
	Starts   int           `json:"starts"`       // how often hostapd was started by this edgeap
	Adopted  bool          `json:"adopted"`      // hostapd was running already, and was taken over
	Wrong    WifiWrong     `json:"wrong_password,omitzero"`
	Portal   WifiPortal    `json:"portal"`
	Venue    *WifiVenue    `json:"venue,omitempty"` // nil: the settings ask for no other network
	Stations []WifiStation `json:"stations"`
	Blocked  []string      `json:"blocked"` // addresses of phones that are let in no more
}

// WifiWrong is who tried to join with a wrong password within the last 10 minutes, and has not joined since.
type WifiWrong struct {
	Phones int   `json:"phones"`
	AgoMS  int64 `json:"ago_ms"` // the last one
}

// WifiVenue is how the kit does in the venue's network. With mode venue it is there for visitors too. Where it is by cable, there is
// neither a radio nor an SSID.
type WifiVenue struct {
	Device    Device    `json:"device"`
	Retry     time.Time `json:"retry,omitzero"`  // when it is tried again
	Radio     string    `json:"radio,omitempty"` // the interface; "": there is no radio for it
	SSID      string    `json:"ssid,omitempty"`
	Security  string    `json:"security,omitempty"` // open, wpa2 or wpa3, as it was joined
	MHz       int       `json:"mhz,omitzero"`
	SignalDBm int       `json:"signal_dbm,omitzero"` // 0: not known
	Address   string    `json:"address,omitempty"`   // the kit's, with its network's length
	Router    string    `json:"router,omitempty"`
	Internet  string    `json:"internet,omitempty"` // yes or no; "": not known
	Name      string    `json:"name,omitempty"`     // by which other machines there find the kit (mDNS), such as edgekit.local; "": none
	PID       int       `json:"pid,omitzero"`       // wpa_supplicant's
	Starts    int       `json:"starts"`             // how often it was started by this edgeap
	Adopted   bool      `json:"adopted"`            // it was running already, and was taken over
}

// WifiPortal counts what became of phones' requests since edgeap started.
type WifiPortal struct {
	Leases      int    `json:"leases"`                 // addresses in use
	Full        uint64 `json:"full"`                   // a phone found none left
	Foreign     uint64 `json:"foreign"`                // a phone asked in another's name
	Flooded     uint64 `json:"flooded"`                // a phone asked too often, for addresses or names
	Questions   uint64 `json:"questions"`              // for names, answered
	Unanswered  uint64 `json:"unanswered"`             // by the servers upstream
	InternetVia string `json:"internet_via,omitempty"` // the interface by which visitors reach the internet
	Internet    string `json:"internet,omitempty"`     // whether it is there by that: yes or no; "": not known, or they may not
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
	IP          string `json:"ip,omitempty"` // the address that it was given
	Accepted    bool   `json:"accepted"`     // it has been through the captive portal
}

// WifiStaff is who reaches the operators' door, which asks for a code or a session then.
type WifiStaff struct {
	Port     uint16   `json:"port"`               // of the door; 0: nobody
	Anybody  bool     `json:"anybody"`            // any phone in the network: somebody is about to be paired
	Stations []string `json:"stations,omitempty"` // else these: MACs, at most 16
}

// WifiGuest is a phone by its address in the kit's network.
type WifiGuest struct {
	IP         string `json:"ip"`
	MAC        string `json:"mac"` // names a visit, not a person: phones make up another for each network. Not to be kept or logged
	Accepted   bool   `json:"accepted"`
	AcceptedMS int64  `json:"accepted_ms,omitzero"` // ago
}
