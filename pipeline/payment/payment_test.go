package payment

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"edgekit.internal/pipeline"
)

const (
	template = "https://pay.example/c?ref={ref}&a={amount}&d={decimal}&c={currency}&l={lower}&e={expires}&s={sig}"
	secret   = "sixteen-letters!"
)

const stripes = "799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f"

var mug = pipeline.Ticket{Number: "A-042", Tap: "01J0000000000000000000ZYXW", Total: pipeline.Money{Minor: 1250, Currency: "EUR"}}

func checkout(t *testing.T, secret, kit string) *Checkout {
	t.Helper()
	c, err := New(template, secret, kit)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestALinkSaysWhatIsToBePaid(t *testing.T) {
	c := checkout(t, secret, "kit-1")
	u, err := url.Parse(c.Link(mug, 1000, time.Unix(1800000000, 0)))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	ref := q.Get("ref")
	for key, want := range map[string]string{"a": "1000", "d": "10.00", "c": "EUR", "l": "eur", "e": "1800000000", "s": fmt.Sprintf("%x", c.mac(ref+".1000.EUR.1800000000"))} {
		if q.Get(key) != want {
			t.Errorf("%s is %q, want %q", key, q.Get(key), want)
		}
	}
	if len(ref) > 60 || !strings.HasPrefix(ref, "A-042_01J0000000000000000000ZYXW_") || strings.Trim(ref, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		t.Error(ref)
	}
	if u.Host != "pay.example" || u.Fragment != "" {
		t.Error(u)
	}
}

func TestWhatIsNoCheckout(t *testing.T) {
	for _, c := range []struct{ template, secret, why string }{
		{template, "short", "at least 16"}, {"http://pay.example/{ref}", secret, "expected a checkout's address"}, {"https://ann@pay.example/{ref}", secret, "expected a checkout's address"},
		{"https://{ref}", secret, ""}, {"https://pay.example/", secret, "expected {ref} in it"}, {"https://pay.example/{ref}?{card}", secret, "not {card}"}, {"://{ref}", secret, "expected a checkout's address"},
	} {
		if _, err := New(c.template, c.secret, "kit"); c.why == "" && err != nil || c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %v, want %q", c.template, err, c.why)
		}
	}
}

// TestWordsOfACheckout: a webhook a row, and what it is taken for.
func TestWordsOfACheckout(t *testing.T) {
	c := checkout(t, secret, "kit-1")
	ref := c.ref(mug)
	at := time.Unix(1800000000, 0)
	own := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(`{"id":"evt-1","type":"paid","ref":"` + ref + `","amount":1000,"currency":"EUR"}`)
	}
	session := func(change ...string) string {
		return strings.NewReplacer(change...).Replace(`{"id":"evt_1Nk","object":"event","type":"checkout.session.completed","data":{"object":{"id":"cs_1","client_reference_id":"` + ref + `","amount_total":1000,"currency":"eur","payment_status":"paid"}}}`)
	}
	for name, w := range map[string]struct {
		body, header string // header "": right
		err          error
	}{
		"the kit's own form":             {own(), "", nil},
		"Stripe's":                       {session(), "", nil},
		"Stripe's, later":                {session("completed", "async_payment_succeeded"), "", nil},
		"Stripe's, not paid yet":         {session(`"paid"`, `"unpaid"`), "", ErrOther},
		"Stripe's, of something else":    {session("checkout.session.completed", "customer.created"), "", ErrOther},
		"no signature":                   {own(), "none", ErrSignature},
		"no time":                        {own(), strings.TrimPrefix(Sign(secret, at, []byte(own())), "t=1800000000,"), ErrSignature},
		"another secret's":               {own(), Sign("another secret's", at, []byte(own())), ErrSignature},
		"another body's":                 {own("1000", "1"), Sign(secret, at, []byte(own())), ErrSignature},
		"another time":                   {own(), strings.Replace(Sign(secret, at, []byte(own())), "t=18", "t=19", 1), ErrSignature},
		"two, of which one is right":     {own(), "v1=00," + Sign(secret, at, []byte(own())) + ",v0=11", nil},
		"a header that never ends":       {own(), Sign(secret, at, []byte(own())) + strings.Repeat(",v1=0", 1000), ErrSignature},
		"no JSON":                        {"paid!", "", ErrMalformed},
		"an amount that is no number":    {own("1000", `"1000"`), "", ErrMalformed},
		"an amount below zero":           {own("1000", "-1000"), "", ErrMalformed},
		"an amount that is a fraction":   {own("1000", "10.5"), "", ErrMalformed},
		"an amount beyond all":           {own("1000", "9000000000000000"), "", ErrMalformed},
		"no currency":                    {own("EUR", "€"), "", ErrMalformed},
		"no id":                          {own("evt-1", ""), "", ErrMalformed},
		"an id that is a card's number":  {own("evt-1", "4111111111111111"), "", ErrMalformed},
		"another ticket by its number":   {own("A-042", "A-043"), "", ErrElsewhere},
		"another ticket by its tap":      {own("ZYXW", "ZYXX"), "", ErrElsewhere},
		"a reference of nobody's":        {own(ref, "order-7"), "", ErrElsewhere},
		"no reference":                   {own(ref, ""), "", ErrElsewhere},
		"another kit's, the same secret": {own(ref, checkout(t, secret, "kit-2").ref(mug)), "", ErrElsewhere},
	} {
		if w.header == "" {
			w.header = Sign(secret, at, []byte(w.body))
		}
		p, err := c.Read(w.header, []byte(w.body))
		if !errors.Is(err, w.err) || (err == nil) != (w.err == nil) {
			t.Errorf("%s: %v, want %v", name, err, w.err)
		}
		if err == nil && (p.Ticket != "A-042" || p.Tap != mug.Tap || p.Money != (pipeline.Money{Minor: 1000, Currency: "EUR"}) || !strings.HasPrefix(p.ID, "evt")) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestStripesSignature is made as that of the vendor's documentation is: HMAC-SHA-256 of "t.body", in hex, computed with openssl.
func TestStripesSignature(t *testing.T) {
	if got := Sign("whsec_test_secret", time.Unix(1492774577, 0), []byte(`{"id":"evt_1"}`)); got != "t=1492774577,v1="+stripes {
		t.Errorf("%s", got)
	}
}

func FuzzRead(f *testing.F) {
	c, err := New(template, secret, "kit-1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"id":"evt-1","type":"paid","ref":"` + c.ref(mug) + `","amount":1000,"currency":"EUR"}`))
	f.Add([]byte(`{"type":"checkout.session.completed","data":{"object":{"payment_status":"paid"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := c.Read("t=1,v1=00", body); !errors.Is(err, ErrSignature) {
			t.Error(err)
		}
		p, err := c.Read(Sign(secret, time.Unix(1, 0), body), body)
		if err == nil && (p.ID == "" || p.Money.Minor < 0 || pipeline.HasCard(p.ID) || len(p.Money.Currency) != 3) {
			t.Errorf("%+v", p)
		}
	})
}
