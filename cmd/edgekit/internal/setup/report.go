package setup

import (
	"fmt"
	"strings"
)

// Report is the text of ErrorFile. Windows' Notepad opens it: its lines end as there.
func (r *Refusal) Report() []byte {
	var s strings.Builder
	file := "edgekit.toml"
	if r.From == FromCard {
		file = r.File
	}
	fmt.Fprintf(&s, "The kit could not use the settings in %s.\n\nIt goes on with the last ones that were good. This is what it could not use:\n\n", file)
	for _, p := range r.Problems {
		fmt.Fprintf(&s, "- %s\n", p)
	}
	fmt.Fprintf(&s, "\nCorrect %s on this card, or in the console, and start the kit again.\nThis file goes away by itself when the settings are good.\n", file)
	return []byte(strings.ReplaceAll(s.String(), "\n", "\r\n"))
}
