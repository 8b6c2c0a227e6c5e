package control

import (
	"encoding/json"
	"fmt"
	"net/http"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// maxCorrections bounds a list of corrections.
const maxCorrections = 100

func (c *Control) stock() []wire.Stock {
	l := c.Book.Levels()
	list := make([]wire.Stock, len(l.Catalogue.SKUs))
	for i, s := range l.Catalogue.SKUs {
		list[i] = wire.Stock{SKU: s.SKU, Title: s.Title, Price: s.Price, Tax: float64(s.Tax) / 1000, Left: l.Stock[i]}
		list[i].Picture = c.Pictures.Of(s.SKU) != ""
		if s.Uncounted {
			list[i].Left = -1
		}
	}
	return list
}

// postStock corrects what is left of a SKU, once for each id. One that is refused is answered too, with OK false.
func (c *Control) postStock(rw http.ResponseWriter, r *http.Request) {
	var want wire.Correct
	err := json.NewDecoder(r.Body).Decode(&want)
	in := pipeline.Correction{ID: want.ID, SKU: want.SKU, N: want.By, Reason: pipeline.CorrectionReason(want.Reason), Note: want.Note, Via: pipeline.ViaConsole}
	if want.Set != nil {
		in.Set, in.N = true, *want.Set
	}
	if err != nil || want.Set != nil && want.By != 0 || !in.Valid() {
		refuse(rw, http.StatusBadRequest, "malformed", fmt.Sprintf(`expected {"id", a ULID, "sku", "reason", one of %q, and either "set", how many there are, or "by", how many more or fewer}`, pipeline.CorrectionReasons))
		return
	}
	out, err := c.Book.Correct(r.Context(), in)
	if err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	reply(rw, correction(out))
}

func (c *Control) getCorrections(rw http.ResponseWriter, r *http.Request) {
	all, err := c.Book.Corrections(r.Context(), maxCorrections)
	if err != nil {
		refuse(rw, http.StatusServiceUnavailable, "unavailable", err.Error())
		return
	}
	list := make([]wire.Correction, len(all))
	for i, o := range all {
		list[i] = correction(o)
	}
	reply(rw, list)
}

func correction(o pipeline.CorrectionOutcome) wire.Correction {
	return wire.Correction{ID: o.ID, SKU: o.SKU, Reason: string(o.Reason), Note: o.Note, OK: o.OK(), Detail: o.Details, By: o.By, Left: o.Left, At: o.Wall}
}
