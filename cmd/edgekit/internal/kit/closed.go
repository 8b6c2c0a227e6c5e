package kit

import (
	"context"
	_ "embed"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"edgekit.internal/cmd/edgekit/internal/listen"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/hardware/bootfs"
)

// closedFor is how long the reason is shown before the kit is started again.
const closedFor = 30 * time.Second

//go:embed closed.html
var closedHTML string

var closedPage = template.Must(template.New("closed").Parse(closedHTML))

// ShowClosed tells people why an appliance's kit did not start: on its own screens, on the boot partition, and on the page
// that visitors open. It returns when it is time to try again, and at once where a person sees standard error.
func ShowClosed(ctx context.Context, args []string, reason error, log *slog.Logger) {
	showClosed(ctx, args, reason, log, setup.Card{Read: bootfs.Read, Write: bootfs.Write})
}

func showClosed(ctx context.Context, args []string, reason error, log *slog.Logger, card setup.Card) {
	c, _, err := Parse(args, nil)
	if err != nil || c.Boot == "" {
		return
	}
	alsoOn(c.Screen, io.Discard).Write([]byte("edgekit does not start: " + reason.Error() + "\n"))
	if err := noteOnCard(card, reason); err != nil {
		log.Warn("the reason could not be written onto the boot partition", "err", err)
	}
	ctx, cancel := context.WithTimeout(ctx, closedFor)
	defer cancel()
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		<-ctx.Done() // what is in the way may be the reason itself
		return
	}
	page := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.Header().Set("Cache-Control", "no-store")
		rw.Header().Set("Retry-After", "30")
		rw.WriteHeader(http.StatusServiceUnavailable)
		closedPage.Execute(rw, reason.Error()) // an error is the visitor gone
	})
	if err := listen.Serve(ctx, listen.Bounded(l, listen.MaxVisitors), page, log); err != nil && !errors.Is(err, net.ErrClosed) {
		log.Warn("the page that says why the kit is closed", "err", err)
	}
}

// noteOnCard writes the reason where a laptop shows it, unless it is there already.
func noteOnCard(card setup.Card, reason error) error {
	text := "The kit does not start. This is what stops it:\r\n\r\n- " + strings.ReplaceAll(reason.Error(), "\n", "\r\n- ") +
		"\r\n\r\nIf it says that the data folder cannot be written, the card is damaged or worn out: put the kit on a new one.\r\n" +
		"This file goes away by itself when the kit starts.\r\n"
	if was, err := card.Read(setup.ErrorFile); err == nil && string(was) == text {
		return nil
	}
	return card.Write(setup.ErrorFile, []byte(text))
}
