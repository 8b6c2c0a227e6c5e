package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline/payment"
)

// TestATicketIsPaidElsewhere: its buyer's page leads to the checkout, whose word counts once, through a kill, and only if it is that checkout's; what nobody owes is
// listed.
func TestATicketIsPaidElsewhere(t *testing.T) {
	const secret = "sixteen-letters!"
	data := t.TempDir()
	args := []string{"-catalog", kittest.File(t, "c.json", kittest.Catalogue), "-printer", "none",
		"-config", kittest.File(t, "edgekit.toml", "[pay]\nurl = \"https://pay.example/c?ref={ref}&amount={amount}&currency={currency}\"\nsecret = \""+secret+"\"\nhold = 15\n")}
	k := kittest.StartIn(t, data, args...)
	browser := kittest.Browser(t, watchful)
	kittest.Open(t, browser, k.Viewer+"/?webrtc=off")
	kittest.Press(t, browser, "Continue without")
	kittest.Press(t, browser, "Buy Mug for € 10.00")
	const link = `document.querySelector("#tickets a")`
	kittest.See(t, browser, "where it can be paid", link+`?.innerText.match(/^Pay € 10.00, within 1[45] min$/)`)
	u, err := url.Parse(kittest.Read(t, browser, link+".href"))
	if err != nil || u.Host != "pay.example" || u.Query().Get("amount") != "1000" || u.Query().Get("currency") != "EUR" {
		t.Fatalf("%v, %v", u, err)
	}
	say := func(id, ref string, amount int, secret string) (status int, p wire.Payment) {
		t.Helper()
		body := fmt.Sprintf(`{"id":%q,"type":"paid","ref":%q,"amount":%d,"currency":"EUR"}`, id, ref, amount)
		r, err := http.NewRequest(http.MethodPost, k.Viewer+"/api/payments", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Edgekit-Signature", payment.Sign(secret, time.Now(), []byte(body)))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode == http.StatusOK {
			err = json.Unmarshal(text, &p)
		}
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, p
	}
	ref := u.Query().Get("ref")
	if status, _ := say("e1", ref, 1000, "another secret's"); status != http.StatusUnauthorized {
		t.Errorf("another's word: %d", status)
	}
	if status, _ := say("e1", "A-002"+ref[5:], 1000, secret); status != http.StatusNotFound {
		t.Errorf("of another ticket: %d", status)
	}
	kittest.See(t, browser, "that it is still to be paid", link)
	if status, p := say("e1", ref, 1000, secret); status != http.StatusOK || !p.OK || p.Ticket != "A-001" {
		t.Errorf("%d, %+v", status, p)
	}
	kittest.See(t, browser, "that it is paid", `!`+link+` && document.querySelector("#tickets").innerText.includes("A-001")`)
	k.Kill()
	k = kittest.StartIn(t, data, args...)
	if status, p := say("e1", ref, 1000, secret); status != http.StatusOK || !p.OK {
		t.Errorf("again: %d, %+v", status, p)
	}
	if status, p := say("e2", ref, 1000, secret); status != http.StatusOK || p.OK {
		t.Errorf("a second time: %d, %+v", status, p)
	}
	var list []wire.Payment
	inquire(t, k, http.MethodGet, "/payments?refused", nil, &list)
	if len(list) != 1 || list[0].ID != "e2" || list[0].Detail != "€ 10.00 were paid for A-001 by the payment link, and € 0.00 are owed for it. Give them back there." {
		t.Errorf("%+v", list)
	}
	var now wire.TicketNow
	inquire(t, k, http.MethodGet, "/tickets/A-001", nil, &now)
	if now.Paid.Minor != 1000 || now.Owed.Minor != 0 || len(now.Acts) != 1 || now.Acts[0].Payment != "link" {
		t.Errorf("%+v", now)
	}
}
