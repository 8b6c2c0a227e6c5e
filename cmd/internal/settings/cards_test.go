package settings

import "testing"

// TestNoCardNumberIsASetting, or a comment: but a password may look like one.
func TestNoCardNumberIsASetting(t *testing.T) {
	for text, line := range map[string]int{
		"stall = \"x\"\n# card 4111 1111 1111 1111\n":                                  2,
		"slip-text = \"4111111111111111\"\n":                                           1,
		"[overlay]\nline = \"call 5555-5555-5555-4444\"\n":                             2,
		"[wifi]\npassword = \"4111111111111111\"\n":                                    0,
		"[wifi]\npassword = \"4111111111111111\"\n# as on 4222222222222\n":             3,
		"[pay]\nurl = \"https://p.example/?r={ref}\"\nsecret = \"4111111111111111\"\n": 0,
	} {
		_, ps := Parse([]byte(text))
		if line == 0 && len(ps) > 0 || line > 0 && (len(ps) != 1 || ps[0].Line != line) {
			t.Errorf("%q: %v, expected a problem in line %d", text, ps, line)
		}
	}
}

// TestACheckoutIsWhole: each part of [pay] needs the others.
func TestACheckoutIsWhole(t *testing.T) {
	const url, secret = "url = \"https://p.example/?r={ref}&a={amount}\"\n", "secret = \"sixteen letters!\"\n"
	for text, key := range map[string]string{
		"[pay]\n" + url + "secret = \"sixteen-letters!\"\nhold = 15\n": "",
		"[pay]\n" + url: "pay.secret", "[pay]\nhold = 5\n": "pay.url", "[pay]\n" + url + secret: "pay.secret", // a space
		"[pay]\nurl = \"https://p.example/\"\nsecret = \"sixteen-letters!\"\n":               "pay.url", // no {ref}
		"[pay]\nurl = \"http://p.example/{ref}\"\nsecret = \"sixteen-letters!\"\n":           "pay.url",
		"[pay]\nurl = \"https://p.example/{ref}?x={card}\"\nsecret = \"sixteen-letters!\"\n": "pay.url",
		"[pay]\n" + url + "secret = \"sixteen-letters!\"\nhold = 2000\n":                     "pay.hold",
	} {
		_, ps := Parse([]byte(text))
		if key == "" && len(ps) > 0 || key != "" && (len(ps) != 1 || ps[0].Key != key) {
			t.Errorf("%q: %+v, expected a problem with %q", text, ps, key)
		}
	}
}
