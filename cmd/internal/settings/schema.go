package settings

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// schema is as much of a JSON Schema (draft 2020-12) as is used here.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        any                `json:"type,omitempty"`
	Default     any                `json:"default,omitempty"`
	Const       any                `json:"const,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	MinLength   *int64             `json:"minLength,omitempty"`
	MaxLength   *int64             `json:"maxLength,omitempty"`
	Minimum     *int64             `json:"minimum,omitempty"`
	Maximum     *int64             `json:"maximum,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Additional  *bool              `json:"additionalProperties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Not         *schema            `json:"not,omitempty"`
	If          *schema            `json:"if,omitempty"`
	Then        *schema            `json:"then,omitempty"`
	AllOf       []*schema          `json:"allOf,omitempty"`
}

// Schema is the JSON Schema of edgekit.toml, for editors that complete and check TOML by one. Two things only the kit
// itself checks: that picture and layers are sizes the camera program takes, and that names of networks have at most
// 32 bytes and are not the same.
func Schema() []byte {
	closed := false
	root := &schema{Schema: "https://json-schema.org/draft/2020-12/schema", Title: "edgekit.toml", Description: "Settings of an edgekit.",
		Type: "object", Properties: map[string]*schema{}, Additional: &closed}
	all := sections()
	for _, name := range slices.Sorted(maps.Keys(all)) { // a section before those in it
		at, key := root.section(name)
		at.Properties[key] = &schema{Description: all[name], Type: "object", Properties: map[string]*schema{}, Additional: &closed}
	}
	for _, f := range fields() {
		at, key := root.section(f.key)
		at.Properties[key] = f.schema()
	}
	root.Properties["wifi"].AllOf = wifiRules()
	root.Properties["push"].AllOf = []*schema{{If: filled("token"), Then: filled("url")}}
	for _, button := range root.Properties["press"].Properties {
		button.AllOf = []*schema{repeatRule(button)}
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("settings: schema: " + err.Error()) // it is all plain values
	}
	return append(b, '\n')
}

// section is where a key such as press.reprint.short is, and its last part.
func (s *schema) section(key string) (at *schema, last string) {
	parts := strings.Split(key, ".")
	at, last = s, parts[len(parts)-1]
	for _, name := range parts[:len(parts)-1] {
		at = at.Properties[name]
	}
	return at, last
}

func (f field) schema() *schema {
	s := &schema{Description: strings.ReplaceAll(f.tag.Get("help"), "${enum}", strings.Join(f.enum, ", ")), Type: "string", Default: f.standard()}
	if f.kind == reflect.Bool {
		s.Type = "boolean"
		return s
	}
	if f.kind == reflect.Int {
		least, _ := f.bound("min")
		s.Type, s.Minimum = "integer", &least
		if most, ok := f.bound("max"); ok {
			s.Maximum = &most
		}
		return s
	}
	if most, ok := f.bound("max"); ok {
		s.MaxLength = &most
	}
	if f.pattern != nil {
		s.Pattern = f.pattern.String()
	}
	for _, e := range f.enum {
		s.Enum = append(s.Enum, e)
	}
	for _, e := range f.enum { // and as numbers, where they are some
		if n, err := strconv.ParseFloat(e, 64); err == nil {
			s.Type = []string{"string", "number"}
			s.Enum = append(s.Enum, n)
		}
	}
	return s
}

// repeatRule is rules.go's on a button.
func repeatRule(button *schema) *schema {
	alone := &schema{Properties: map[string]*schema{}}
	for _, key := range []string{"long", "hold"} {
		alone.Properties[key] = &schema{Const: noAction}
		if button.Properties[key].Default != noAction {
			alone.Required = append(alone.Required, key)
		}
	}
	return &schema{If: &schema{Properties: map[string]*schema{"repeat": {Not: &schema{Const: noAction}}}, Required: []string{"repeat"}}, Then: alone}
}

// filled is a section with something in a key.
func filled(key string) *schema {
	one := int64(1)
	return &schema{Properties: map[string]*schema{key: {MinLength: &one}}, Required: []string{key}}
}

// wifiRules are rules.go's on the section [wifi].
func wifiRules() []*schema {
	is := func(key string, v any) *schema {
		return &schema{Properties: map[string]*schema{key: {Const: v}}, Required: []string{key}}
	}
	none := int64(0)
	channels := func(band string) *schema {
		s := &schema{Enum: []any{0}}
		for _, c := range channelsOf(band) {
			s.Enum = append(s.Enum, c)
		}
		return &schema{Properties: map[string]*schema{"channel": s}}
	}
	rules := []*schema{
		{If: filled("venue-password"), Then: filled("venue-ssid")},
		{If: is("security", "open"), Then: &schema{Properties: map[string]*schema{"password": {MaxLength: &none}}}},
		{If: is("firmware", "minimal"), Then: &schema{Properties: map[string]*schema{"security": {Not: &schema{Const: "wpa3"}}}}},
		channels(""),
	}
	for _, band := range []struct {
		name   string
		number float64
	}{{"2.4", 2.4}, {"5", 5}} {
		rules = append(rules, &schema{If: is("band", band.name), Then: channels(band.name)}, &schema{If: is("band", band.number), Then: channels(band.name)})
	}
	return rules
}
