package boottest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// The ports of the instance edgekit-lab, whose program guest has virtual devices.
const (
	LabPort   = 9090 // how far they are: JSON, by device
	PaperPort = 9091 // the printer's end of the USB cable
	AirPort   = 9092 // the kit's visitor page as a phone in its Wi-Fi has it
)

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
