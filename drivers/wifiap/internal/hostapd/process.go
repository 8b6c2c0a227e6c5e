package hostapd

import (
	"fmt"
	"os"
	"path/filepath"

	"edgekit.internal/drivers/wifiap/internal/hostap"
)

// Beside hostapd's own files (hostap.Program) the run folder has these, which a power cut leaves nothing of either.
const (
	// DenyName is the file of addresses that are not let in.
	DenyName = "denied"
	// ControlName is the folder of hostapd's sockets.
	ControlName = "ctrl"

	name     = "hostapd"
	confName = name + ".conf" // hostap.Program's
)

// Process is a hostapd that runs.
type Process = hostap.Process

func of(program, dir string) hostap.Program {
	return hostap.Program{Path: program, Dir: dir, Name: name}
}

// Take is the hostapd of a run folder with this configuration: see hostap.Program.
func Take(program, dir string, conf []byte, starting func()) (p *Process, adopted bool, err error) {
	denied, err := os.OpenFile(filepath.Join(dir, DenyName), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("hostapd: %w", err)
	}
	denied.Close()
	return of(program, dir).Take(conf, starting)
}

// End ends the hostapd of a run folder, if it runs.
func End(program, dir string) error { return of(program, dir).End() }
