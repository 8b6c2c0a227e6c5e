package wire

// Guest is a phone in the kit's own Wi-Fi, by its address there. edgeap answers it on WifiSocket:
//
//	GET  /guests/{ip}           a Guest; 404: nobody has this address
//	PUT  /guests/{ip}/accepted  the visitor has seen the page: 204
type Guest struct {
	MAC      string `json:"mac"`
	Accepted bool   `json:"accepted"` // names are not led to the kit any more, and its system is told that it is connected
}
