package licence

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const head = `Licences of what is in this image

The image is made of the parts below. Each is under its own licence, whose text follows, once where several have the same.
`

const source = `
Where the source is of programs under the GNU licences, and of all of Debian's packages

Debian's packages are unchanged. With deb-src lines in a Debian system's sources, "apt-get source PACKAGE=VERSION" gives the
source a package was built from; of versions that Debian has replaced since, its snapshot service has it.

`

// Notices is the text that goes with the image: every part with its licence, the GNU ones with their source, and the
// texts. The same parts give the same bytes.
func Notices(parts []Part) []byte {
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b Part) int { return strings.Compare(a.Name+" "+a.Version, b.Name+" "+b.Version) })
	var b bytes.Buffer
	b.WriteString(head + "\n")
	for _, p := range parts {
		spdx := p.SPDX
		if spdx == Unknown {
			spdx = "see its text"
		}
		fmt.Fprintf(&b, "  %s: %s\n", named(p), spdx)
	}
	b.WriteString(source)
	for _, p := range parts {
		if p.Source != "" {
			fmt.Fprintf(&b, "  %s: %s\n", named(p), p.Source)
		}
	}
	type who struct{ text, parts string }
	var texts []who
	at := map[string]int{}
	for _, p := range parts {
		for _, t := range p.Texts {
			i, ok := at[t.Text]
			if !ok {
				i = len(texts)
				at[t.Text] = i
				texts = append(texts, who{text: t.Text})
			}
			texts[i].parts += "  " + named(p) + ", " + t.Name + "\n"
		}
	}
	for _, t := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n%s\n", strings.Repeat("=", 100), t.parts, strings.TrimRight(t.text, "\n"))
	}
	return b.Bytes()
}

func named(p Part) string { return strings.TrimSpace(p.Name + " " + p.Version) }
