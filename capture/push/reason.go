package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// refusal is an answer of the server by which there is no stream, in words for people.
type refusal struct {
	text  string
	lasts bool          // asking again soon will not help
	after time.Duration // the server asks to be left alone for so long; 0: it does not say
}

func (r *refusal) Error() string { return "push: " + r.text }

func (r *refusal) lasting() bool { return r.lasts && r.after == 0 }

// refused reads the meaning of a status (RFC 9725 section 4.2, RFC 9110 section 15).
func refused(res *http.Response) *refusal {
	r := &refusal{after: retryAfter(res.Header), lasts: res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests}
	switch code := res.StatusCode; code {
	case http.StatusUnauthorized:
		r.text = "the server does not take the token (401): it is wrong, has expired, or is missing"
	case http.StatusForbidden:
		r.text = "the server does not let this stream in (403): the token is for something else, or the account may not send"
	case http.StatusNotFound, http.StatusGone:
		r.text = fmt.Sprintf("the server knows no such stream (%d): look at the address", code)
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		r.text = fmt.Sprintf("what answers there is no WHIP server (%d): look at the address", code)
	case http.StatusBadRequest, http.StatusNotAcceptable, http.StatusUnprocessableEntity:
		r.text = fmt.Sprintf("the server cannot take this stream (%d): it may want another video than H.264", code)
	case http.StatusConflict:
		r.text = "the server has this stream already, from elsewhere (409)"
		r.lasts = false // until it notices that the other has gone
	case http.StatusTooManyRequests:
		r.text = "the server asks the kit to wait (429)"
	case http.StatusServiceUnavailable:
		r.text = "the server is busy (503)"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		r.text = fmt.Sprintf("the server sends the kit on in a way that loses the offer (%d): look at the address", code)
	default:
		r.text = fmt.Sprintf("the server answers %d", code)
		if code >= 200 && code < 300 {
			r.text = fmt.Sprintf("what answers there is no WHIP server: it answers %d, expected 201", code)
		}
		if code >= 500 {
			r.text = fmt.Sprintf("the server has trouble of its own (%d)", code)
		}
	}
	return r
}

// Ends of a connection that was made, or nearly.
var (
	errNoWay = &refusal{text: "the server answered, but nothing gets through to it: this network may block UDP"}
	errLost  = &refusal{text: "the way to the server broke off"}
	errGone  = &refusal{text: "the server ended the stream"}
)

// reason is an error in words for people. Dated: the kit knows the date.
func reason(err error, dated bool) string {
	var (
		refused  *refusal
		name     *net.DNSError
		invalid  x509.CertificateInvalidError
		unknown  x509.UnknownAuthorityError
		host     x509.HostnameError
		verify   *tls.CertificateVerificationError
		record   tls.RecordHeaderError
		overTime net.Error
	)
	switch {
	case errors.As(err, &refused):
		return refused.text
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if !dated {
			return "the server's certificate cannot be judged: the kit does not know the date. It learns it from the internet, or from a phone that opens the console"
		}
		if invalid.Cert != nil && time.Now().Before(invalid.Cert.NotBefore) {
			return "the server's certificate is not valid yet: the kit's date may be wrong"
		}
		return "the server's certificate has expired"
	case errors.As(err, &host):
		return "the server's certificate is of another name: look at the address"
	case errors.As(err, &unknown):
		return "nobody the kit knows vouches for the server's certificate"
	case errors.As(err, &verify):
		return "the server's certificate is not good"
	case errors.As(err, &record):
		return "the server speaks no TLS there: look at the address"
	case errors.As(err, &name):
		return "the server's name is not found: there may be no internet"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &overTime) && overTime.Timeout():
		return "the server does not answer"
	}
	return "the server is not reached: there may be no internet"
}
