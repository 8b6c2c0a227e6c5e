// Package payment is how a ticket is paid elsewhere: a link to somebody's hosted checkout, with a reference, an amount and an end that are signed, and
// that checkout's word that it was paid, which is signed too. No card comes near the kit.
//
// A link is a template of the operator's, whose parts in braces are filled in:
//
//	{ref}       names the ticket: letters, digits, - and _, at most 60 of them
//	{amount}    minor units, such as 1250; {decimal} is the same as 12.50
//	{currency}  ISO 4217; {lower} is the same in small letters
//	{expires}   Unix seconds at which it is too late
//	{sig}       HMAC-SHA-256 of "ref.amount.currency.expires" under the secret, in hex: a checkout that knows it need not believe the buyer
//
// The word that it was paid is an HTTP POST, called a webhook, whose signature is that of Stripe's (docs.stripe.com/webhooks, "Verify webhook signatures
// manually"): a header "t=UNIX,v1=HEX", where HEX is the HMAC-SHA-256 of "UNIX.BODY" under the secret; several v1 may be there. How old it is does not matter:
// it may come late, by way of a cloud, and has an id, so that it counts once. Its body is JSON, either
//
//	{"id": "…", "type": "paid", "ref": "…", "amount": 1250, "currency": "EUR"}
//
// or Stripe's event checkout.session.completed or checkout.session.async_payment_succeeded, for which {ref} is the payment link's client_reference_id.
package payment

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"edgekit.internal/pipeline"
)

// Bounds.
const (
	MaxBody    = 256 << 10 // bytes of a webhook
	maxHeader  = 2 << 10
	maxID      = 200
	maxMinor   = 1_000_000_000_000
	leastKey   = 16 // bytes of a secret
	macLetters = 16
)

// What is wrong with a webhook.
var (
	ErrSignature = errors.New("payment: the signature is not right: expected a header \"t=UNIX,v1=HEX\" made with the secret of [pay]")
	ErrMalformed = errors.New("payment: expected {\"id\", \"type\":\"paid\", \"ref\", \"amount\", \"currency\"}, or an event of a Stripe checkout session")
	ErrElsewhere = errors.New("payment: the reference is not of a ticket of this kit")
	ErrOther     = errors.New("payment: it is not about a payment")
)

// Checkout makes links and checks webhooks. Immutable.
type Checkout struct {
	template string
	secret   []byte
	kit      string
}

var part = regexp.MustCompile(`\{([^{}]*)\}`)

// New makes a checkout of a template and a secret. The error says which of them cannot be one.
func New(template, secret, kit string) (*Checkout, error) {
	if len(secret) < leastKey {
		return nil, fmt.Errorf("the secret has %d characters: expected at least %d", len(secret), leastKey)
	}
	u, err := url.Parse(part.ReplaceAllString(template, "x"))
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%q: expected a checkout's address, such as https://pay.example/checkout?ref={ref}&amount={amount}&currency={currency}", template)
	}
	seen := map[string]bool{}
	for _, m := range part.FindAllStringSubmatch(template, -1) {
		if _, ok := (&Checkout{}).fill(pipeline.Ticket{}, 0, time.Time{})[m[1]]; !ok {
			return nil, fmt.Errorf("%q: expected one of {ref}, {amount}, {decimal}, {currency}, {lower}, {expires} and {sig}, not %s", template, m[0])
		}
		seen[m[1]] = true
	}
	if !seen["ref"] {
		return nil, fmt.Errorf("%q: expected {ref} in it, by which the checkout says who paid", template)
	}
	return &Checkout{template: template, secret: []byte(secret), kit: kit}, nil
}

// Link is the address at which what is owed for a ticket can be paid until a time.
func (c *Checkout) Link(t pipeline.Ticket, owed int64, until time.Time) string {
	values := c.fill(t, owed, until)
	return part.ReplaceAllStringFunc(c.template, func(m string) string { return url.QueryEscape(values[m[1:len(m)-1]]) })
}

func (c *Checkout) fill(t pipeline.Ticket, owed int64, until time.Time) map[string]string {
	ref, amount, expires := c.ref(t), strconv.FormatInt(owed, 10), strconv.FormatInt(until.Unix(), 10)
	currency := t.Total.Currency
	return map[string]string{"ref": ref, "amount": amount, "decimal": pipeline.Amount(owed, pipeline.Digits(currency)), "currency": currency, "lower": strings.ToLower(currency),
		"expires": expires, "sig": hex.EncodeToString(c.mac(strings.Join([]string{ref, amount, currency, expires}, ".")))}
}

// ref names a ticket of this kit, and nobody else can make one.
func (c *Checkout) ref(t pipeline.Ticket) string {
	return t.Number + "_" + t.Tap + "_" + c.refMAC(t.Number, t.Tap)
}

func (c *Checkout) refMAC(number, tap string) string {
	sum := c.mac("edgekit reference\x00" + c.kit + "\x00" + number + "\x00" + tap)
	return base32.StdEncoding.EncodeToString(sum)[:macLetters]
}

func (c *Checkout) mac(text string) []byte {
	h := hmac.New(sha256.New, c.secret)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// event is a webhook's body, of either kind.
type event struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Ref      string `json:"ref"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Data     struct {
		Object struct {
			Ref      string `json:"client_reference_id"`
			Amount   int64  `json:"amount_total"`
			Currency string `json:"currency"`
			Status   string `json:"payment_status"`
		} `json:"object"`
	} `json:"data"`
}

var (
	idForm       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

// Read checks a webhook's signature and reads which of the kit's tickets it is about. Errors are, or wrap, the ones above.
func (c *Checkout) Read(header string, body []byte) (p pipeline.Paid, err error) {
	if !c.signed(header, body) {
		return p, ErrSignature
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return p, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	switch e.Type {
	case "paid":
	case "checkout.session.completed", "checkout.session.async_payment_succeeded":
		o := e.Data.Object
		if o.Status != "paid" && o.Status != "no_payment_required" {
			return p, ErrOther // it is on its way, and told of again
		}
		e.Ref, e.Amount, e.Currency = o.Ref, o.Amount, strings.ToUpper(o.Currency)
	default:
		return p, ErrOther
	}
	if !idForm.MatchString(e.ID) || pipeline.HasCard(e.ID) || !currencyForm.MatchString(e.Currency) || e.Amount < 0 || e.Amount > maxMinor {
		return p, ErrMalformed
	}
	number, rest, _ := strings.Cut(e.Ref, "_")
	tap, mac, _ := strings.Cut(rest, "_")
	if !hmac.Equal([]byte(mac), []byte(c.refMAC(number, tap))) {
		return p, ErrElsewhere
	}
	return pipeline.Paid{ID: e.ID, Ticket: number, Tap: tap, Money: pipeline.Money{Minor: e.Amount, Currency: e.Currency}}, nil
}

// signed tells whether any of a header's signatures is the body's.
func (c *Checkout) signed(header string, body []byte) (ok bool) {
	if len(header) > maxHeader || len(body) > MaxBody {
		return false
	}
	at := ""
	var sums []string
	for field := range strings.SplitSeq(header, ",") {
		switch key, value, _ := strings.Cut(strings.TrimSpace(field), "="); key {
		case "t":
			at = value
		case "v1":
			sums = append(sums, value)
		}
	}
	want := []byte(hex.EncodeToString(c.mac(at + "." + string(body))))
	for _, s := range sums {
		ok = hmac.Equal([]byte(s), want) || ok
	}
	return ok && at != ""
}

// Sign is the header of a body, as a checkout makes it at a time.
func Sign(secret string, at time.Time, body []byte) string {
	c := Checkout{secret: []byte(secret)}
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(c.mac(t+"."+string(body)))
}
