package settings

// Scanner is the section [scanner].
type Scanner struct {
	Device string `toml:"device" default:"auto" pattern:"^(auto|virtual|none|[0-9a-f]{4}:[0-9a-f]{4}|serial:[^@]+(@[0-9]+)?)$" expect:"auto, VENDOR:PRODUCT such as 0c2e:0b61, serial:PATH, virtual or none" help:"auto takes keyboards whose name or maker is a scanner's. VENDOR:PRODUCT in hex takes another one: the log says what is plugged in. serial:PATH@BAUD, virtual or none."`
	Layout string `toml:"layout" default:"auto" enum:"auto,us,de,fr,es,it,gb,ch" help:"The country that the scanner is set to: ${enum}. auto finds out by the first ticket that is scanned; any other country is learned from the sheet in the console."`
}
