package wifi

import (
	"net/http"
	"net/http/httputil"

	"edgekit.internal/cmd/internal/wire"
)

// Handler is edgeap's own answers (wire.WifiSocket), for operators and edgectl: GET /status, and POST
// /stations/{mac}/kick, block and unblock.
func (l *Link) Handler() http.Handler {
	to := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "edgeap"
			r.Out.Header = http.Header{"Idempotency-Key": nil} // as in call; the operator's session is none of its business
		},
		Transport: l.to,
		ErrorHandler: func(rw http.ResponseWriter, _ *http.Request, _ error) {
			wire.Refuse(rw, wire.Problem{Status: http.StatusServiceUnavailable, Reason: "unavailable", Detail: "The access point's program does not answer. On a laptop there is none; on a kit, switch it off and on if phones cannot join."})
		},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /status", to)
	for _, verb := range []string{"kick", "block", "unblock"} {
		mux.Handle("POST /stations/{mac}/"+verb, to)
	}
	return http.TimeoutHandler(mux, 2*patience, "")
}
