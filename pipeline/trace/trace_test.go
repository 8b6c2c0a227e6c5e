package trace

import (
	"testing"
	"time"
)

func TestATapsWay(t *testing.T) {
	r, start := NewRing(2), time.Now()
	r.Span("a", "validate", start)
	r.Span("a", "act", start.Add(time.Millisecond))
	r.Since("a", "printed")
	got, ok := r.Get("a")
	if !ok || len(got.Spans) != 3 || got.Spans[0].Start != 0 || got.Spans[1].Start != time.Millisecond || got.Spans[2].Step != "printed" {
		t.Errorf("%+v", got)
	}
	r.Span("b", "validate", start)
	r.Span("c", "validate", start)
	if _, ok := r.Get("a"); ok {
		t.Error("more than two traces kept")
	}
	r.Since("a", "too late")
	if len(r.byTap) != 2 {
		t.Errorf("%d traces", len(r.byTap))
	}
	for range 100 {
		r.Span("b", "again", start)
	}
	if got, _ := r.Get("b"); len(got.Spans) != maxSpans {
		t.Errorf("%d spans", len(got.Spans))
	}
}
