package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kittest.Clean()
	os.Exit(code)
}

// ctl runs edgectl and reads its JSON, if it succeeded and somewhere is given for it.
func ctl(t *testing.T, answer any, args ...string) (code int, errs string) {
	t.Helper()
	var out, err strings.Builder
	if code = run(args, &out, &err); code == 0 && answer != nil {
		if e := json.Unmarshal([]byte(out.String()), answer); e != nil {
			t.Fatalf("%v: %v\n%s", args, e, out.String())
		}
	}
	return code, err.String()
}

func TestAKitIsLookedAfterFromTheShell(t *testing.T) {
	k := kittest.Start(t)
	at := func(args ...string) []string { return append([]string{"--kit", k.Data, "--json"}, args...) }
	v := k.Visit(t)
	a, err := v.Buy("set")
	if err != nil || a.Status != 200 {
		t.Fatalf("%+v, %v", a, err)
	}

	var stock []wire.Stock
	if code, errs := ctl(t, &stock, at("stock", "list")...); code != 0 {
		t.Fatal(errs)
	}
	want := []wire.Stock{{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19, Left: 9}, {SKU: "PEN", Title: "Pen", Price: 300, Tax: 19, Left: 999_998}}
	if d := cmp.Diff(want, stock); d != "" {
		t.Error(d)
	}
	kittest.Until(t, "printed ticket", func() bool {
		var tickets []wire.Sale
		if code, errs := ctl(t, &tickets, at("tickets", "list")...); code != 0 {
			t.Fatal(errs)
		}
		return cmp.Diff([]wire.Sale{{Ticket: "A-001", Tap: a.ID, Offer: "set", State: "printed", Total: 1500, Fulfilment: "open", Owed: 1500}}, tickets) == ""
	})

	var system wire.System
	if code, errs := ctl(t, &system, at("kit", "update")...); code != 0 || system.Appliance {
		t.Errorf("%+v, %s", system, errs)
	}
	if code, errs := ctl(t, nil, at("kit", "update", "main_test.go")...); code != 2 || !strings.Contains(errs, "SD card") {
		t.Errorf("an update for a kit that is no appliance: %d %s", code, errs)
	}

	if code, errs := ctl(t, nil, at("drop", "stop", "pen")...); code != 0 {
		t.Fatal(errs)
	}
	var offers []wire.OfferLevel
	if ctl(t, &offers, at("offers", "list")...); len(offers) != 3 || offers[1].State != "over" || offers[2].Sold != 1 {
		t.Errorf("%+v", offers)
	}
	if code, errs := ctl(t, nil, at("drop", "start", "pen")...); code != 0 {
		t.Fatal(errs)
	}
	if a, err := v.Buy("pen"); err != nil || a.Status != 200 {
		t.Errorf("after drop start: %+v, %v", a, err)
	}
	press := "01J0000000000000000000000A"
	for range 2 { // the same one
		var done wire.Press
		if code, errs := ctl(t, &done, at("button", "press", "call-help", "--id", press)...); code != 0 || !done.OK || done.Action != "call-help" {
			t.Errorf("%d %s %+v", code, errs, done)
		}
	}
	var buttons wire.Buttons
	if code, errs := ctl(t, &buttons, at("button", "list")...); code != 0 || !buttons.Help || len(buttons.Buttons) != 4 || len(buttons.Presses) != 1 || buttons.Presses[0].ID != press {
		t.Errorf("%d %s %+v", code, errs, buttons)
	}
	if code, errs := ctl(t, nil, "--kit", k.Data, "button", "press", "start-drop"); code != 1 || !strings.Contains(errs, "No drop is left to start") {
		t.Errorf("%d %s", code, errs)
	}
	if code, errs := ctl(t, nil, at("button", "press", "big-red")...); code != 2 || !strings.Contains(errs, "start-drop") {
		t.Errorf("%d %s", code, errs)
	}
	var status wire.KitStatus
	if ctl(t, &status, at("kit", "status")...); status.Viewer != k.Viewer || status.Tickets != 2 || len(status.Devices) < 2 {
		t.Errorf("%+v", status)
	}
}

// TestTheWayOutIsToldInTheShell: that of a venue's network, by Wi-Fi, by cable, and where something is in the way, and visitors' own.
func TestTheWayOutIsToldInTheShell(t *testing.T) {
	for name, c := range map[string]struct {
		wifi wire.Wifi
		want []string
	}{
		"Wi-Fi": {wire.Wifi{Venue: &wire.WifiVenue{Device: wire.Device{State: "ready"}, Radio: "wlan0", SSID: "Halle 3", Security: "wpa2", MHz: 2437, SignalDBm: -55, Address: "192.168.7.20/24", Internet: "yes", Name: "edgekit.local"}},
			[]string{"Halle 3 ready", "wlan0, wpa2, 2437 MHz, -55 dBm, address 192.168.7.20/24", "internet", "yes", "found as", "edgekit.local"}},
		"a cable":    {wire.Wifi{Venue: &wire.WifiVenue{Device: wire.Device{Name: "eth0", State: "ready"}, Address: "192.168.7.20/24"}}, []string{"venue", "by cable, eth0, address 192.168.7.20/24"}},
		"in the way": {wire.Wifi{Venue: &wire.WifiVenue{Device: wire.Device{State: "failed", Reason: "Wrong password."}, SSID: "Halle 3"}}, []string{"Halle 3 failed  Wrong password."}},
		"none":       {wire.Wifi{}, []string{"network"}},
		"visitors'":  {wire.Wifi{Portal: wire.WifiPortal{InternetVia: "eth0", Internet: "yes"}}, []string{"visitors' internet", "by eth0"}},
		"a dead one": {wire.Wifi{Portal: wire.WifiPortal{InternetVia: "eth0", Internet: "no"}}, []string{"sees none by eth0", "look at the router there"}},
		"a new one":  {wire.Wifi{Portal: wire.WifiPortal{InternetVia: "eth0"}}, []string{"by eth0, not known yet"}},
	} {
		data := t.TempDir()
		l, err := net.Listen("unix", filepath.Join(data, "control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		kit := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/wifi/status" {
				t.Errorf("%s asked for", r.URL.Path)
			}
			wire.Reply(rw, http.StatusOK, c.wifi)
		})}
		go kit.Serve(l)
		var out, errs strings.Builder
		if code := run([]string{"--kit", data, "kit", "wifi"}, &out, &errs); code != 0 {
			t.Errorf("%s: %d %s", name, code, errs.String())
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: lacks %q:\n%s", name, want, out.String())
			}
		}
		for _, absent := range []string{"venue", "visitors"} {
			if name == "none" && strings.Contains(out.String(), absent) {
				t.Errorf("%s:\n%s", name, out.String())
			}
		}
		kit.Close()
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	k := kittest.Start(t)
	at := func(args ...string) []string { return append([]string{"--kit", k.Data, "--json"}, args...) }
	next := strings.Replace(kittest.Catalogue, `"stock":10}`, `"stock":12}`, 1)
	file, bad := kittest.File(t, "next.json", next), kittest.File(t, "bad.json", strings.Replace(next, "1250", `"much"`, 1))
	left := func() int {
		t.Helper()
		var stock []wire.Stock
		if code, errs := ctl(t, &stock, at("stock", "list")...); code != 0 {
			t.Fatal(errs)
		}
		return stock[0].Left
	}
	var done wire.Imported
	if code, errs := ctl(t, &done, at("catalog", "import", "--dry-run", file)...); code != 0 || !done.DryRun || done.Changed || left() != 10 {
		t.Errorf("dry run: exit %d %s %+v, %d left", code, errs, done, left())
	}
	if code, errs := ctl(t, nil, at("catalog", "import", bad)...); code != 2 || !strings.Contains(errs, "bad.json:2:") || left() != 10 {
		t.Errorf("bad file: exit %d %s, %d left", code, errs, left())
	}
	if code, errs := ctl(t, &done, at("catalog", "import", file)...); code != 0 || !done.Changed || left() != 12 {
		t.Errorf("import: exit %d %s %+v, %d left", code, errs, done, left())
	}
	if code, _ := ctl(t, &done, at("catalog", "import", file)...); code != 0 || done.Changed {
		t.Errorf("import again: %+v", done)
	}
}

// TestATableChangesWhatItSays, and says so before.
func TestATableChangesWhatItSays(t *testing.T) {
	k := kittest.Start(t)
	file := kittest.File(t, "shop.csv", "sku;title;price;tax;stock\nMUG;Blue mug;13,00;19;12\nPEN;Pen;3,00;19;1000000\nTALK;A talk;40;0;\n")
	var done wire.Imported
	if code, errs := ctl(t, &done, "--kit", k.Data, "--json", "catalog", "import", "--dry-run", file); code != 0 || done.Form != "edgekit" || done.SKUs != 3 || done.Count != "2 new, 2 changed" {
		t.Errorf("exit %d %s %+v", code, errs, done)
	}
	var out, errs strings.Builder
	if code := run([]string{"--kit", k.Data, "catalog", "import", file}, &out, &errs); code != 0 {
		t.Fatalf("exit %d %s", code, errs.String())
	}
	for _, want := range []string{"3 SKUs, 4 offers (edgekit, UTF-8): 2 new, 2 changed", `sku MUG: title "Mug" → "Blue mug", price € 12.50 → € 13.00, stock 10 → 12`, "offer talk: ", "state hidden"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
}

// TestStockByHand is a number for a reason, once for each id.
func TestStockByHand(t *testing.T) {
	k := kittest.Start(t)
	at := func(args ...string) []string { return append([]string{"--kit", k.Data, "--json", "stock"}, args...) }
	const id = "01J9Z3NDEKTSV4RRFFQ69G5FAV"
	for _, c := range []struct {
		args []string
		left int
		ok   bool
	}{
		{[]string{"set", "MUG", "7"}, 7, true}, {[]string{"add", "MUG", "5", "--reason", "delivered", "--id", id, "--note", "from the van"}, 12, true},
		{[]string{"add", "MUG", "5", "--reason", "delivered", "--id", id}, 12, true}, {[]string{"add", "MUG", "--reason", "lost", "--", "-2"}, 10, true},
		{[]string{"add", "MUG", "--reason", "lost", "--", "-11"}, 10, false}, {[]string{"set", "CUP", "1"}, 0, false},
	} {
		var done wire.Correction
		if code, errs := ctl(t, &done, at(c.args...)...); code != 0 || done.OK != c.ok || done.Left != c.left || done.OK == (done.Detail != "") {
			t.Errorf("%q: exit %d %s %+v", c.args, code, errs, done)
		}
	}
	var list []wire.Correction
	if code, errs := ctl(t, &list, at("corrections")...); code != 0 || len(list) != 5 || list[3].Note != "from the van" || list[3].By != 5 {
		t.Errorf("exit %d %s %+v", code, errs, list)
	}
	for _, args := range [][]string{{"set", "MUG", "-1"}, {"set", "MUG", "x"}, {"add", "MUG", "0"}, {"set", "MUG", "1", "--reason", "because"}, {"set", "MUG", "1", "--id", "x"}} {
		if code, errs := ctl(t, nil, at(args...)...); code != 2 || errs == "" {
			t.Errorf("%q: exit %d %s", args, code, errs)
		}
	}
}

// TestTicketsByHand: everything that the console's counter does, once for each id, and the till roll of it.
func TestTicketsByHand(t *testing.T) {
	k := kittest.Start(t)
	v := k.Visit(t)
	for _, offer := range []string{"mug", "set", "pen"} {
		if a, err := v.Buy(offer); err != nil || a.Ticket == "" {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	at := func(args ...string) []string { return append([]string{"--kit", k.Data, "--json"}, args...) }
	const id = "01J9Z3NDEKTSV4RRFFQ69G5FAV"
	for _, c := range []struct {
		args   []string
		ok     bool
		detail string
	}{
		{[]string{"ready", "A-001"}, true, "A-001 is called."},
		{[]string{"hand-over", "A-001", "--payment", "cash", "--id", id, "--note", "in a bag"}, true, "A-001 is handed over: 1 x Mug. Take € 10.00 (cash)."},
		{[]string{"hand-over", "A-001", "--payment", "cash", "--id", id}, true, "A-001 is handed over: 1 x Mug. Take € 10.00 (cash)."},
		{[]string{"hand-over", "A-001"}, false, "A-001 was handed over just now: hand nothing over."},
		{[]string{"pay", "A-002", "--payment", "card", "--amount", "500"}, true, "€ 10.00 are still owed for A-002. Take € 5.00 (card)."},
		{[]string{"undo", "A-002"}, true, "A-002: that is undone. Give back € 5.00 (card)."},
		{[]string{"hand-over", "A-002", "--pieces", "1,0"}, true, "A-002 is handed over: 1 x Mug. € 15.00 are owed."},
		{[]string{"void", "A-002", "--pieces", "0,2", "--restock"}, true, "A-002 is void: 2 x Pen."},
		{[]string{"take-back", "A-001", "--payment", "cash"}, true, "A-001 came back: 1 x Mug. Give back € 10.00 (cash)."},
	} {
		var done wire.Served
		if code, errs := ctl(t, &done, at(append([]string{"tickets"}, c.args...)...)...); code != 0 || done.OK != c.ok || done.Detail != c.detail {
			t.Errorf("%q: exit %d %s %+v", c.args, code, errs, done)
		}
	}
	var now wire.TicketNow
	if code, errs := ctl(t, &now, at("tickets", "show", "A-002")...); code != 0 || now.State != "handed-over" || now.Owed.Text != "€ 10.14" || len(now.Acts) != 4 || now.Lines[1].Open != 0 {
		t.Errorf("exit %d %s %+v", code, errs, now)
	}
	var list []wire.Sale
	if code, errs := ctl(t, &list, at("tickets", "list")...); code != 0 || len(list) != 3 || list[0].Fulfilment != "void" || list[2].Owed != 250 {
		t.Errorf("exit %d %s %+v", code, errs, list)
	}
	var waits wire.Waits
	if code, errs := ctl(t, &waits, at("tickets", "waits")...); code != 0 || waits.Handed.N != 1 || waits.Open != 1 {
		t.Errorf("exit %d %s %+v", code, errs, waits)
	}
	kittest.Until(t, "the slip", func() bool { _, err := os.Stat(filepath.Join(k.Data, "tickets", "A-003.png")); return err == nil })
	var scan wire.Scan
	if code, errs := ctl(t, &scan, at("tickets", "scan", filepath.Join(k.Data, "tickets", "A-003.png"))...); code != 0 || scan.Ticket != "A-003" || !scan.OK {
		t.Errorf("exit %d %s %+v", code, errs, scan)
	}
	for _, args := range [][]string{{"hand-over", "A-9"}, {"hand-over", "A-001", "--payment", "gold"}, {"pay", "A-003", "--amount", "-1"}, {"void", "A-003", "--id", "x"}, {"show", "A-004"}, {"scan", "/none"}} {
		if code, errs := ctl(t, nil, at(append([]string{"tickets"}, args...)...)...); code == 0 || errs == "" {
			t.Errorf("%q: exit %d %s", args, code, errs)
		}
	}

	var roll wire.Roll
	if code, errs := ctl(t, &roll, at("till", "show")...); code != 0 || len(roll.Reports) != 1 || roll.Closing != 0 {
		t.Fatalf("exit %d %s %+v", code, errs, roll)
	}
	if r := roll.Reports[0]; r.Tickets != 3 || r.Sold != 2750 || r.Net != 1014+250 || r.Paid != 0 || r.Open() != r.Net {
		t.Errorf("%+v", r)
	}
	var closed [2]wire.Closing
	for i := range closed {
		if code, errs := ctl(t, &closed[i], at("till", "close", "--id", id)...); code != 0 || closed[i].Closing != 1 || closed[i].Ticket != "A-003" || closed[i] != closed[0] {
			t.Errorf("exit %d %s %+v", code, errs, closed[i])
		}
	}
	var after, again wire.Roll
	if code, errs := ctl(t, &after, at("till", "show")...); code != 0 || len(after.Reports) != 0 || after.From == nil {
		t.Errorf("exit %d %s %+v", code, errs, after)
	}
	if code, errs := ctl(t, &again, at("till", "show", "--closing", "1")...); code != 0 || again.To == nil {
		t.Errorf("exit %d %s %+v", code, errs, again)
	}
	if d := cmp.Diff(roll.Reports, again.Reports); d != "" {
		t.Error(d)
	}
	file := filepath.Join(t.TempDir(), "day.csv")
	if code, errs := ctl(t, nil, "--kit", k.Data, "till", "csv", "--closing", "1", file); code != 0 {
		t.Errorf("exit %d %s", code, errs)
	}
	if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), "total,net,,,12.64,") {
		t.Errorf("%s, %v", b, err)
	}
	if code, errs := ctl(t, nil, at("till", "show", "--closing", "2")...); code != 2 || !strings.Contains(errs, "till list") {
		t.Errorf("a closing that there was not: exit %d %s", code, errs)
	}
	var printed wire.PrintRoll
	if code, errs := ctl(t, &printed, at("till", "print", "--closing", "1")...); code != 0 {
		t.Errorf("exit %d %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(k.Data, "tickets", "till-roll.png")); err != nil {
		t.Error(err)
	}
}

func TestWhatCanBeMendedSaysHow(t *testing.T) {
	k := kittest.Start(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"stock", "lst"}, "edgectl --help"},
		{[]string{"--kit", t.TempDir(), "stock", "list"}, "--kit"},
		{[]string{"--kit", k.Data, "drop", "start", "yacht"}, "edgectl offers list"},
		{[]string{"--kit", k.Data, "catalog", "import", "/none.json"}, "/none.json"},
	} {
		code, errs := ctl(t, nil, c.args...)
		if code != 2 || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, want one line with %q", c.args, code, errs, c.want)
		}
	}
}

func TestSettingsAreSetFromTheShell(t *testing.T) {
	k := kittest.Start(t)
	at := func(args ...string) []string { return append([]string{"--kit", k.Data, "--json"}, args...) }
	good, bad := kittest.File(t, "good.toml", "stall = \"Red Door\"\n"), kittest.File(t, "bad.toml", "stall = \"Red Door\"\npapr = 58\nbuttons = 3\n")
	for _, verb := range []string{"check", "set"} {
		if code, errs := ctl(t, nil, at("settings", verb, bad)...); code != 2 || !strings.Contains(errs, "bad.toml:2:1: unknown key") || !strings.Contains(errs, "bad.toml:3:1: buttons") || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, %s", verb, code, errs)
		}
		if code, errs := ctl(t, nil, at("settings", verb, good)...); code != 0 {
			t.Errorf("%s: exit %d, %s", verb, code, errs)
		}
	}
	var s wire.Settings
	if ctl(t, &s, at("settings", "show")...); s.Text != "stall = \"Red Door\"\n" || !s.Pending {
		t.Errorf("%+v", s)
	}
	var schema map[string]any
	if ctl(t, &schema, "settings", "schema"); schema["title"] != "edgekit.toml" {
		t.Errorf("%v", schema["title"])
	}
	if code, errs := ctl(t, nil, at("kit", "setup-slip")...); code != 0 {
		t.Errorf("slip: exit %d, %s", code, errs)
	}
}

// TestTheLogIsReadFromTheShell whole, by level, by age, and as it comes, until the kit ends.
func TestTheLogIsReadFromTheShell(t *testing.T) {
	k := kittest.Start(t)
	read := func(args ...string) string {
		t.Helper()
		var out, errs strings.Builder
		if code := run(append([]string{"--kit", k.Data}, args...), &out, &errs); code != 0 {
			t.Fatalf("%v: exit %d %s", args, code, errs.String())
		}
		return out.String()
	}
	if s := read("kit", "logs"); !strings.Contains(s, "INFO  edgekit  kit started kit=") || !strings.Contains(s, "catalogue imported") {
		t.Error(s)
	}
	if s := read("--json", "kit", "logs", "--since", "1h"); !strings.Contains(s, `"msg":"kit started"`) {
		t.Error(s)
	}
	if s := read("kit", "logs", "--level", "error") + read("kit", "logs", "--since", "1ns") + read("kit", "logs", "--crashes"); s != "" {
		t.Error(s)
	}
	if s := read("--json", "kit", "logs", "--crashes"); strings.TrimSpace(s) != "[]" {
		t.Error(s)
	}
	if s := read("kit", "status"); !strings.Contains(s, "MB written so far") {
		t.Error(s)
	}
	out, in := io.Pipe()
	go func() {
		run([]string{"--kit", k.Data, "--json", "kit", "logs", "--follow"}, in, io.Discard)
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	await := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Errorf("the followed log ended without %q", text)
	}
	await("catalogue imported")
	k.Pair(t)
	await("operator paired")
	go k.Stop()
	for lines.Scan() { // it ends with the kit
	}
}

// TestAKitOnAnotherMachine is looked after as one on this, once this machine is paired; its certificate is held to.
func TestAKitOnAnotherMachine(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	k := kittest.Start(t, "-operator", "0.0.0.0:0")
	at := func(args ...string) []string {
		return append([]string{"--kit", k.Console + "/console", "--json"}, args...)
	}
	if code, errs := ctl(t, nil, at("stock", "list")...); code != 2 || !strings.Contains(errs, "not paired") {
		t.Errorf("before pairing: %d %s", code, errs)
	}
	if code, errs := ctl(t, nil, at("pair", k.Code, "--fingerprint", strings.Repeat("AB:", 31)+"AB")...); code != 2 || !strings.Contains(errs, "another kit") {
		t.Errorf("with another's fingerprint: %d %s", code, errs)
	}
	if code, errs := ctl(t, nil, at("pair", "000-000")...); code != 2 {
		t.Errorf("with a wrong code: %d %s", code, errs)
	}
	var paired struct{ Kit, Fingerprint string }
	if code, errs := ctl(t, &paired, at("pair", k.Code)...); code != 0 || len(paired.Fingerprint) != 64 {
		t.Fatalf("%+v %s", paired, errs)
	}
	var stock []wire.Stock
	if code, errs := ctl(t, &stock, at("stock", "list")...); code != 0 || len(stock) != 2 {
		t.Errorf("%v %s", stock, errs)
	}
	if code, errs := ctl(t, nil, at("drop", "stop", "pen")...); code != 0 {
		t.Error(errs)
	}
	if code, errs := ctl(t, nil, at("kit", "update", "main_test.go")...); code != 2 || !strings.Contains(errs, "SD card") {
		t.Errorf("an update: %d %s", code, errs)
	}

	other := kittest.StartIn(t, t.TempDir(), "-operator", "0.0.0.0:0")
	all, err := readKits()
	if err != nil {
		t.Fatal(err)
	}
	all[other.Console] = all[k.Console]
	if err := writeKits(all); err != nil {
		t.Fatal(err)
	}
	if code, errs := ctl(t, nil, "--kit", other.Console, "stock", "list"); code != 2 || !strings.Contains(errs, "another certificate") {
		t.Errorf("another kit: %d %s", code, errs)
	}
}
