package web

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// counterBook has tickets to hand over, and counts how often it is asked.
type counterBook struct {
	shelf
	tickets []pipeline.Ticket
	asked   int
	after   time.Duration
}

func (b *counterBook) ToHandOver(_ context.Context, after time.Duration, _ int) ([]pipeline.Ticket, error) {
	b.asked++
	b.after = after
	return b.tickets, nil
}

// TestTheBoardHasNumbersAndNothingElse: those that can be fetched, those that cannot yet, no more than are read; and however many look, the book is asked rarely.
func TestTheBoardHasNumbersAndNothingElse(t *testing.T) {
	book := &counterBook{}
	for n := range 2 * onBoard {
		one := pipeline.Ticket{N: int64(n + 1), Number: pipeline.TicketNumber(int64(n + 1)), Viewer: "ann", Title: "Mug"}
		if n%8 == 0 {
			one.Ready = time.Hour
		}
		book.tickets = append(book.tickets, one)
	}
	w := New(Config{Book: book, Now: func() time.Duration { return 10 * time.Hour }})
	var b wire.QueueBoard
	for range 5 {
		rw := httptest.NewRecorder()
		w.board.get(w)(rw, httptest.NewRequest("GET", "/api/board", nil))
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(rw.Body.Bytes(), &b); err != nil || json.Unmarshal(rw.Body.Bytes(), &fields) != nil || len(fields) != 2 {
			t.Fatalf("%s, %v", rw.Body, err)
		}
	}
	if len(b.Ready) != 2*onBoard/8 || b.Ready[1] != "A-009" || len(b.Waiting) != onBoard || b.Waiting[0] != "A-002" {
		t.Errorf("%+v", b)
	}
	if book.asked != 1 || book.after != 6*time.Hour {
		t.Errorf("asked %d times, of what was sold after %v", book.asked, book.after)
	}
}
