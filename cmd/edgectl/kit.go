package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/wire"
)

// kit is a running kit, reached over the control socket in its data folder, or by its console's address.
type kit struct{ dir string }

// patience is how long a kit may take to answer: an import of the largest catalogue on a slow card.
const patience = time.Minute

// ask sends a body, JSON or bytes as they are, and reads the answer.
func (k *kit) ask(method, path string, body, answer any) error {
	b, ok := body.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return err
		}
	}
	key := ""
	if method != http.MethodGet {
		key = ulid.Make().String() // a proxy between may send it twice
	}
	return k.do(method, path, key, bytes.NewReader(b), patience, into(answer))
}

// send sends a body as it is read, and reads the answer.
func (k *kit) send(method, path string, body io.Reader, limit time.Duration, answer any) error {
	return k.do(method, path, "", body, limit, into(answer))
}

func into(answer any) func(io.Reader) error {
	return func(body io.Reader) error {
		got, err := io.ReadAll(body)
		if err != nil {
			return fmt.Errorf("the kit's answer broke off: %w", err)
		}
		return json.Unmarshal(got, answer)
	}
}

// stream reads an answer that may go on for ever.
func (k *kit) stream(path string, read func(io.Reader) error) error {
	return k.do("GET", path, "", nil, 0, read)
}

func (k *kit) do(method, path, key string, body io.Reader, limit time.Duration, read func(io.Reader) error) error {
	client, base, header, err := k.reach(limit)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, base+path, body)
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if key != "" {
		req.Header.Set(wire.KeyHeader, key)
	}
	res, err := client.Do(req)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fault{fmt.Errorf("there is no kit running on %s (no control.sock): expected the folder that edgekit was started with as -data, or its console's address; name it with --kit", k.dir)}
	case errors.As(err, new(changed)):
		return fault{err}
	case err != nil:
		return fmt.Errorf("the kit on %s does not answer: %w", k.dir, err)
	}
	defer res.Body.Close()
	if err := refused(res); err != nil {
		return err
	}
	return read(res.Body)
}

// reach is the way to the kit: its control socket, or its console's address.
func (k *kit) reach(limit time.Duration) (client *http.Client, base string, header http.Header, err error) {
	if origin, ok := remote(k.dir); ok {
		return far(origin, limit)
	}
	socket := filepath.Join(k.dir, "control.sock")
	return &http.Client{Timeout: limit, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}}}, "http://kit", nil, nil
}

// refused is what a kit has against a request; nothing, if it did it.
func refused(res *http.Response) error {
	if res.StatusCode < 400 {
		return nil
	}
	var p wire.Problem
	if got, err := io.ReadAll(io.LimitReader(res.Body, 1<<20)); err != nil || json.Unmarshal(got, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the kit answered %s", res.Status)
	}
	if res.StatusCode < 500 {
		return fault{errors.New(p.Detail)}
	}
	return errors.New(p.Detail)
}

// printer shows an answer to a person, or to a program.
type printer struct {
	out  io.Writer
	errs io.Writer // what a person reads while it goes on
	json bool
}

func (p *printer) table(answer any, head []string, rows [][]string) error {
	if p.json {
		e := json.NewEncoder(p.out)
		e.SetIndent("", "  ")
		return e.Encode(answer)
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if head != nil {
		rows = append([][]string{head}, rows...)
	}
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
