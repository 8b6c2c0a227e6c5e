package till

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"edgekit.internal/pipeline"
)

func ticket(n int64, offer, title string, lines ...pipeline.OrderLine) pipeline.Ticket {
	t := pipeline.Ticket{N: n, Number: pipeline.TicketNumber(n), Offer: offer, Title: title, Lines: lines, Total: pipeline.Money{Currency: "EUR"}, Via: pipeline.ViaPage}
	for _, l := range lines {
		t.Total.Minor += l.Amount
	}
	return t
}

func line(sku string, n int, amount int64, rate pipeline.TaxRate) pipeline.OrderLine {
	return pipeline.OrderLine{SKU: sku, Title: strings.ToUpper(sku[:1]) + sku[1:], N: n, Amount: amount, Rate: rate, Tax: (pipeline.TaxRules{}).Of(amount, rate)}
}

// TestADaysTable: three sales, one of yesterday's brought back, one void in part.
func TestADaysTable(t *testing.T) {
	yesterday := ticket(7, "mug", "Mug", line("mug", 1, 1000, 19000))
	set := ticket(8, "set", "=cmd|' /C calc'!A0", line("mug", 1, 900, 19000), line("tea", 3, 600, 7000))
	tea := ticket(9, "tea", "Tea", line("tea", 1, 250, 7000))
	hand := tea
	hand.N, hand.Number, hand.Via = 10, "A-010", pipeline.ViaConsole
	at := time.Date(2026, 11, 27, 17, 30, 0, 0, time.UTC)
	var acts []Act
	do := func(t *pipeline.Ticket, a pipeline.CounterAct) {
		var out pipeline.CounterOutcome
		a.Ticket = t.Number
		t.Fulfilment, out = t.Settle(a, pipeline.CounterOutcome{}, time.Hour)
		out.Wall = at
		acts = append(acts, Act{out, *t})
	}
	yesterday.Paid, yesterday.Handed = 1000, []int{1}
	do(&set, pipeline.CounterAct{Do: pipeline.HandOver, Payment: pipeline.Card})
	do(&tea, pipeline.CounterAct{Do: pipeline.HandOver, Payment: pipeline.Cash})
	do(&tea, pipeline.CounterAct{Do: pipeline.HandOver, Payment: pipeline.Cash}) // refused
	do(&yesterday, pipeline.CounterAct{Do: pipeline.TakeBack, Payment: pipeline.Cash, Note: "@broken"})
	do(&set, pipeline.CounterAct{Do: pipeline.TakeBack, Pieces: []int{0, 1}, Payment: pipeline.Card})
	var b bytes.Buffer
	if err := WriteCSV(&b, Sum([]pipeline.Ticket{set, tea, hand}, acts)); err != nil {
		t.Fatal(err)
	}
	want := `section,key,title,count,amount,tax,net,in,out,currency,time,note
total,sold,,3,20.00,,,,,EUR,,
total,void,,,12.00,,,,,EUR,,
total,net,,,8.00,0.42,7.58,,,EUR,,
total,paid,,,5.50,,,,,EUR,,
total,open,,,2.50,,,,,EUR,,
rate,19000,19 %,0,-1.00,-0.16,-0.84,,,EUR,,
rate,7000,7 %,4,9.00,0.58,8.42,,,EUR,,
item,tea,Tea,4,9.00,0.58,8.42,,,EUR,,
item,mug,Mug,0,-1.00,-0.16,-0.84,,,EUR,,
offer,set,'=cmd|' /C calc'!A0,1,13.00,1.70,11.30,,,EUR,,
offer,tea,Tea,2,5.00,0.32,4.68,,,EUR,,
offer,mug,Mug,0,-10.00,-1.60,-8.40,,,EUR,,
channel,page,,2,5.50,0.26,5.24,,,EUR,,
channel,console,,1,2.50,0.16,2.34,,,EUR,,
payment,cash,,2,-7.50,,,2.50,10.00,EUR,,
payment,card,,2,13.00,,,15.00,2.00,EUR,,
take-back,A-007,Mug,,10.00,1.60,8.40,,,EUR,2026-11-27T17:30:00Z,'@broken
take-back,A-008,'=cmd|' /C calc'!A0,,2.00,0.13,1.87,,,EUR,2026-11-27T17:30:00Z,
`
	if d := cmp.Diff(want, strings.ReplaceAll(b.String(), "\r\n", "\n")); d != "" {
		t.Error(d)
	}
}

// TestEverythingAddsUp, whatever was sold and done: each kind of rows to the same sums, to the last minor unit.
func TestEverythingAddsUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var tickets []pipeline.Ticket
		for n := range rapid.IntRange(0, 6).Draw(rt, "tickets") {
			one := ticket(int64(n+1), rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "offer"), "Title")
			for range rapid.IntRange(1, 3).Draw(rt, "lines") {
				l := line(rapid.SampledFrom([]string{"mug", "tea", "pen"}).Draw(rt, "sku"), rapid.IntRange(1, 5).Draw(rt, "n"), rapid.Int64Range(0, 10_000).Draw(rt, "amount"), rapid.SampledFrom([]pipeline.TaxRate{0, 7000, 19000, 8875}).Draw(rt, "rate"))
				one.Lines = append(one.Lines, l)
				one.Total.Minor += l.Amount
			}
			one.Total.Currency = rapid.SampledFrom([]string{"EUR", "EUR", "CHF"}).Draw(rt, "currency")
			tickets = append(tickets, one)
		}
		var acts []Act
		last := map[int]pipeline.CounterOutcome{}
		for range rapid.IntRange(0, 20).Draw(rt, "acts") {
			if len(tickets) == 0 {
				break
			}
			i := rapid.IntRange(0, len(tickets)-1).Draw(rt, "ticket")
			a := pipeline.CounterAct{Ticket: tickets[i].Number, Do: rapid.SampledFrom(pipeline.CounterActions).Draw(rt, "do"), Payment: rapid.SampledFrom(pipeline.Payments).Draw(rt, "payment")}
			if a.Do == pipeline.HandOver || a.Do == pipeline.Void || a.Do == pipeline.TakeBack {
				a.Pieces = make([]int, len(tickets[i].Lines))
				for j := range a.Pieces {
					a.Pieces[j] = rapid.IntRange(0, 2).Draw(rt, "pieces")
				}
			}
			var out pipeline.CounterOutcome
			tickets[i].Fulfilment, out = tickets[i].Settle(a, last[i], time.Hour)
			if out.OK() {
				last[i] = out
			}
			acts = append(acts, Act{out, tickets[i]})
		}
		due, paid := map[string]int64{}, map[string]int64{}
		for _, one := range tickets {
			due[one.Total.Currency] += one.Total.Minor - one.Voided
			paid[one.Total.Currency] += one.Paid
		}
		for _, r := range Sum(tickets, acts) {
			if r.Net != due[r.Currency] || r.Paid != paid[r.Currency] || r.Net != r.Sold-r.Void || r.Open() != r.Net-r.Paid {
				rt.Fatalf("%+v; the tickets say %d and %d paid", r, due[r.Currency], paid[r.Currency])
			}
			for name, rows := range map[string][]Row{"items": r.Items, "offers": r.Offers, "rates": r.Rates, "channels": r.Channels} {
				var amount, tax int64
				for _, row := range rows {
					amount, tax = amount+row.Amount, tax+row.Tax
				}
				if amount != r.Net || tax != r.Tax {
					rt.Fatalf("%s are %d with a tax of %d, and all is %d with %d", name, amount, tax, r.Net, r.Tax)
				}
			}
			var in, gone int64
			for _, p := range r.Payments {
				in += p.In - p.Out
			}
			for _, g := range r.Gone {
				gone += g.Amount
			}
			if in != r.Paid || gone != r.Void {
				rt.Fatalf("%d by payments, %d void: %+v", in, gone, r)
			}
		}
	})
}

// FuzzPlain: no cell of a table is one that a spreadsheet computes, whatever somebody called a thing, and all is read back as it was.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{"", "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r\n=1", "Mug, \"large\"", "＝1", "\xff="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, title string) {
		var b bytes.Buffer
		if err := WriteCSV(&b, []Report{{Currency: "EUR", Items: []Row{{Key: title, Title: title}}, Gone: []Gone{{Title: title, Note: title}}}}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for i, name := range rows[0] {
				cell := row[i]
				if (name == "key" || name == "title" || name == "note") && cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
					t.Errorf("%s: %q", name, cell)
				}
			}
		}
	})
}
