// Package ui has the two pages as they are served: plain ES modules and CSS, types checked by tsc in the tests.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed viewer console
var files embed.FS

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
