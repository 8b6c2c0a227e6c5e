package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"edgekit.internal/cmd/internal/ui"
)

// assets are a page's files, compressed once.
type assets map[string]asset

type asset struct {
	plain, gzip []byte
	kind, etag  string
}

func newAssets(files fs.FS) (assets, error) {
	a := assets{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if path.Ext(name) == ".html" {
			b = ui.Index(b)
		}
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		a["/"+name] = asset{b, z.Bytes(), contentType(name), fmt.Sprintf(`"%s"`, hex.EncodeToString(sum[:8]))}
		return nil
	})
	for at, name := range map[string]string{"/": "/index.html", "/board": "/board.html"} {
		if page, ok := a[name]; ok {
			a[at] = page
		}
	}
	return a, err
}

// contentType does not ask the machine's mime tables, which differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func (a assets) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	f, ok := a[r.URL.Path]
	if !ok {
		problem(rw, notFound, "There is no such page.", "", 0)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == f.etag {
		rw.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.gzip
	}
	rw.Write(body)
}
