package settings

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// field is one value that can be set, as its tags describe it.
type field struct {
	key     string // "camera", "wifi.ssid"
	at      []int  // where it is in Settings
	kind    reflect.Kind
	tag     reflect.StructTag
	enum    []string // all it may be; nil: see pattern
	pattern *regexp.Regexp
}

// fields are all values, in the order of the structs.
func fields() []field { return fieldsOf(reflect.TypeFor[Settings](), "", nil) }

func fieldsOf(t reflect.Type, prefix string, at []int) (fs []field) {
	for i := range t.NumField() {
		sf := t.Field(i)
		here := append(slices.Clone(at), i)
		key := prefix + sf.Tag.Get("toml")
		if sf.Type.Kind() == reflect.Struct {
			fs = append(fs, fieldsOf(sf.Type, key+".", here)...)
			continue
		}
		f := field{key: key, at: here, kind: sf.Type.Kind(), tag: sf.Tag}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		switch sf.Tag.Get("is") {
		case "country":
			f.enum = append(countries(), "")
		case "action":
			f.enum = actions()
		case "repeat":
			f.enum = repeats()
		}
		if p := sf.Tag.Get("pattern"); p != "" {
			f.pattern = regexp.MustCompile(p)
		}
		fs = append(fs, f)
	}
	return fs
}

// sections are the names of the file's tables, with what they are about.
func sections() map[string]string { return sectionsOf(reflect.TypeFor[Settings](), "") }

func sectionsOf(t reflect.Type, prefix string) map[string]string {
	names := map[string]string{}
	for i := range t.NumField() {
		if sf := t.Field(i); sf.Type.Kind() == reflect.Struct {
			name := prefix + sf.Tag.Get("toml")
			names[name] = sf.Tag.Get("help")
			maps.Copy(names, sectionsOf(sf.Type, name+"."))
		}
	}
	return names
}

func (f field) secret() bool { return f.tag.Get("secret") != "" }

// standard is the value that holds where nothing is said.
func (f field) standard() any {
	switch f.kind {
	case reflect.Int:
		n, _ := strconv.ParseInt(f.tag.Get("default"), 10, 64) // "": 0
		return n
	case reflect.Bool:
		return f.tag.Get("default") == "true"
	}
	return f.tag.Get("default")
}

// bound is the tag min or max, as a number; ok is false where there is none.
func (f field) bound(name string) (n int64, ok bool) {
	n, err := strconv.ParseInt(f.tag.Get(name), 10, 64)
	return n, err == nil
}

// expected is what may be there, for people.
func (f field) expected() string {
	least, _ := f.bound("min")
	most, _ := f.bound("max")
	switch e := f.tag.Get("expect"); {
	case e != "":
		return e
	case f.tag.Get("is") == "country":
		return "a country's two letters in capitals, such as DE, GB or US"
	case f.enum != nil:
		last := len(f.enum) - 1
		return strings.Join(f.enum[:last], ", ") + " or " + f.enum[last]
	case f.kind == reflect.Bool:
		return "true or false"
	case f.kind == reflect.Int:
		return fmt.Sprintf("a whole number from %d to %d", least, most)
	case most > 0:
		return fmt.Sprintf("a text of at most %d characters", most)
	}
	return "a text"
}

// set puts a value from a file where it belongs, or says what was found instead of what is expected. A choice among
// numbers, such as the paper's width, may be written as one.
func (f field) set(s *Settings, v any) error {
	at := reflect.ValueOf(s).Elem().FieldByIndex(f.at)
	if n, ok := v.(int64); ok && f.kind == reflect.String && slices.Contains(f.enum, strconv.FormatInt(n, 10)) {
		v = strconv.FormatInt(n, 10)
	}
	if n, ok := v.(float64); ok && f.kind == reflect.String && slices.Contains(f.enum, strconv.FormatFloat(n, 'f', -1, 64)) {
		v = strconv.FormatFloat(n, 'f', -1, 64)
	}
	switch v := v.(type) {
	case bool:
		if f.kind == reflect.Bool {
			at.SetBool(v)
			return nil
		}
	case string:
		if f.kind != reflect.String {
			return fmt.Errorf("expected %s without quotes", f.expected())
		}
		if err := f.text(v); err != nil {
			return err
		}
		at.SetString(v)
		return nil
	case int64:
		least, _ := f.bound("min")
		most, ok := f.bound("max")
		if f.kind == reflect.Int {
			if v < least || ok && v > most {
				return fmt.Errorf("%d: expected %s", v, f.expected())
			}
			at.SetInt(v)
			return nil
		}
	}
	if f.kind == reflect.Int || f.kind == reflect.Bool {
		return fmt.Errorf("%s: expected %s", kindOf(v), f.expected())
	}
	return fmt.Errorf("%s: expected %s, in quotes", kindOf(v), f.expected())
}

func (f field) text(v string) error {
	most, bounded := f.bound("max")
	bad := f.enum != nil && !slices.Contains(f.enum, v) || f.pattern != nil && !f.pattern.MatchString(v) || bounded && int64(utf8.RuneCountInString(v)) > most
	switch {
	case !bad:
		return nil
	case f.secret():
		return fmt.Errorf("expected %s", f.expected()) // what it is now is nobody's business
	case f.tag.Get("is") == "country" && v == "UK":
		return fmt.Errorf("%q: expected GB, which is ISO 3166's code for the United Kingdom", v)
	}
	return fmt.Errorf("%.80q: expected %s", v, f.expected())
}

// kindOf names what TOML can hold, for people.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case int64, float64:
		return "a number"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "a section"
	}
	return "a date or time"
}
