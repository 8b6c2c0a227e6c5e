package boottest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// The ports of the instance edgekit-lab, whose program guest has virtual devices.
const (
	LabPort   = 9090 // GET / is how far they are, JSON by device; POST /join takes a Join
	PaperPort = 9091 // the printer's end of the USB cable
	AirPort   = 9092 // the kit's visitor page as a phone in its Wi-Fi has it, once it has joined
)

// Join is what the phone joins the kit's network with. It finds the page as phones do: by what DHCP says.
type Join struct{ SSID, Password string }

// LabReady is the state of a device that is there.
const LabReady = "ready"

// Devices waits until all virtual devices are there.
func (m *Machine) Devices(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	client := http.Client{Timeout: 5 * time.Second}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	is := map[string]string{}
	for {
		if err := ask(ctx, &client, m.Lab, &is); err == nil && ready(is) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("boottest: the virtual devices are not there: %v; the kit's last words:\n%s", is, m.LastWords())
		}
	}
}

// Join has the phone join a network, once, and waits until it is in.
func (m *Machine) Join(ctx context.Context, j Join) error {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	body, err := json.Marshal(j)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.Lab+"/join", bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("boottest: the phone: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10)) // without it the status says enough
		return fmt.Errorf("boottest: the phone: %s: %s; the kit's last words:\n%s", res.Status, bytes.TrimSpace(why), m.LastWords())
	}
	return nil
}

func ready(is map[string]string) bool {
	for _, state := range is {
		if state != LabReady {
			return false
		}
	}
	return len(is) > 0
}

func ask(ctx context.Context, client *http.Client, url string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(answer)
}
