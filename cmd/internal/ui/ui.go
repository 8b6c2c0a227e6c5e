// Package ui has the two pages as they are served: plain ES modules and CSS, types checked by tsc in the tests.
package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
)

//go:embed viewer console
var files embed.FS

//go:embed again.js
var again []byte

// Viewer is the visitors' page.
func Viewer() fs.FS { return sub("viewer") }

// Console is the operators' page.
func Console() fs.FS { return sub("console") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic("ui: " + err.Error()) // the folder is embedded above
	}
	return f
}

// Index puts into a page's index.html the script that is within it.
func Index(html []byte) []byte {
	return bytes.Replace(html, []byte("<script></script>"), []byte("<script>"+string(again)+"</script>"), 1)
}

// Policy is a page's Content-Security-Policy: everything is from the kit, but for the script within the page, which may be that one only (CSP Level 3, 2.3.1).
// Pictures and media may come from the sources named too.
func Policy(pictures, media string) string {
	sum := sha256.Sum256(again)
	return "default-src 'self'; script-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; img-src 'self' " + pictures + "; media-src 'self' " + media +
		"; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
}
