package logs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"edgekit.internal/cmd/internal/wire"
)

// handler logs to the ring and to another handler.
type handler struct {
	ring  *Ring
	next  slog.Handler
	attrs []slog.Attr // with their groups in their keys
	group string
}

// Handler makes a program's own log go to the ring too, as far as next takes it.
func (r *Ring) Handler(next slog.Handler) slog.Handler { return &handler{ring: r, next: next} }

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, rec slog.Record) error {
	out := wire.LogRecord{At: rec.Time, Level: rec.Level.String(), From: "edgekit", Text: oneLine(rec.Message)}
	if n := len(h.attrs) + rec.NumAttrs(); n > 0 {
		out.Attrs = make(map[string]any, n)
	}
	for _, a := range h.attrs {
		put(out.Attrs, "", a)
	}
	rec.Attrs(func(a slog.Attr) bool {
		put(out.Attrs, h.group, a)
		return true
	})
	h.ring.Add(out)
	return h.next.Handle(ctx, rec)
}

func (h *handler) WithAttrs(as []slog.Attr) slog.Handler {
	all := slices.Clone(h.attrs)
	for _, a := range as {
		a.Key = h.group + a.Key
		all = append(all, a)
	}
	return &handler{h.ring, h.next.WithAttrs(as), all, h.group}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.ring, h.next.WithGroup(name), h.attrs, h.group + name + "."}
}

// maxAttrs bounds a record's attributes.
const maxAttrs = 32

func put(into map[string]any, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		for _, inner := range v.Group() {
			put(into, prefix+a.Key+".", inner)
		}
		return
	}
	if len(into) >= maxAttrs {
		return
	}
	switch v.Kind() {
	case slog.KindInt64, slog.KindUint64, slog.KindBool:
		into[prefix+a.Key] = v.Any()
	case slog.KindTime:
		into[prefix+a.Key] = v.Time().UTC().Format(time.RFC3339)
	default:
		into[prefix+a.Key] = oneLine(fmt.Sprint(v.Any()))
	}
}
