package console

import (
	"net/http"

	"edgekit.internal/cmd/internal/wire"
)

// postSale sells one to somebody who stands at the stall. The same id again is the same sale.
func (c *Console) postSale(rw http.ResponseWriter, r *http.Request) {
	var want struct {
		ID     string   `json:"id"` // a ULID, made where it was pressed
		Offer  string   `json:"offer"`
		Price  int64    `json:"price"`  // that the operator saw, in minor units
		Choice []string `json:"choice"` // SKUs, of an offer that leaves some to choose
	}
	if !read(rw, r, &want, `{"id":ULID,"offer":"mug","price":1000}`) {
		return
	}
	out := c.Sell(r.Context(), want.ID, want.Offer, want.Choice, want.Price)
	if !out.OK() {
		refuse(rw, wire.Status(out.Reason), string(out.Reason), out.Details)
		return
	}
	reply(rw, wire.FromOutcome(out, ""))
}
