package control

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"edgekit.internal/cmd/edgekit/internal/pictures"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// Pictures are those of things for sale.
type Pictures interface {
	Of(sku string) string
	Set(sku string, picture io.Reader) error
	Remove(sku string) error
}

// postPicture takes a picture whose file's name says what it shows.
func (c *Control) postPicture(rw http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Query().Get("name"))
	sku, ok := named(c.Book.Levels().Catalogue, strings.TrimSuffix(name, path.Ext(name)))
	if !ok {
		refuse(rw, http.StatusNotFound, "not-found", fmt.Sprintf("%.100s: nothing for sale has that name: expected its SKU, its barcode or its offer, such as %s.jpg", pipeline.Masked(name), c.example()))
		return
	}
	c.setPicture(rw, r, sku)
}

func (c *Control) example() string {
	if skus := c.Book.Levels().Catalogue.SKUs; len(skus) > 0 {
		return strings.ReplaceAll(skus[0].SKU, "/", "_")
	}
	return "MUG"
}

// named finds what a file is named by: a SKU, in which "_" may stand for what no file's name has, a barcode, or an offer, of whose things it is the first.
func named(c *pipeline.Catalogue, stem string) (sku pipeline.SKU, ok bool) {
	if s, ok := c.Scanned(stem); ok {
		return s, true
	}
	for _, s := range c.SKUs {
		if strings.EqualFold(s.SKU, stem) || strings.EqualFold(strings.ReplaceAll(s.SKU, "/", "_"), stem) {
			return s, true
		}
	}
	for _, o := range c.Offers {
		if strings.EqualFold(o.ID, stem) || strings.EqualFold(strings.ReplaceAll(o.ID, "/", "_"), stem) {
			sku, _, ok = c.SKU(append([]string{o.Lines[0].SKU}, o.Lines[0].Of...)[min(1, len(o.Lines[0].Of))])
			return sku, ok
		}
	}
	return sku, false
}

func (c *Control) putPicture(rw http.ResponseWriter, r *http.Request) {
	sku, _, ok := c.Book.Levels().Catalogue.SKU(r.URL.Query().Get("sku"))
	if !ok {
		refuse(rw, http.StatusNotFound, "not-found", "there is no such SKU: `edgectl stock list` names those there are")
		return
	}
	c.setPicture(rw, r, sku)
}

func (c *Control) setPicture(rw http.ResponseWriter, r *http.Request, sku pipeline.SKU) {
	err := c.Pictures.Set(sku.SKU, r.Body)
	switch {
	case errors.As(err, new(pictures.Told)):
		refuse(rw, http.StatusBadRequest, "malformed", err.Error())
	case err != nil:
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
	default:
		reply(rw, wire.PictureTaken{SKU: sku.SKU, Title: sku.Title})
	}
}

// deletePicture takes one away, also of what is not for sale any more.
func (c *Control) deletePicture(rw http.ResponseWriter, r *http.Request) {
	sku := r.URL.Query().Get("sku")
	if err := c.Pictures.Remove(sku); err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	reply(rw, wire.PictureTaken{SKU: sku})
}
