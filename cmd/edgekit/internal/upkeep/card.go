package upkeep

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"edgekit.internal/drivers"
	"edgekit.internal/image/perm"
)

// card is what was done for the data partition before this start, for people; nothing when there was nothing to do. boot
// is the kernel's id of this boot: an older report is of no interest any more.
func card(data, boot string, log *slog.Logger) (d drivers.Status, ok bool) {
	text, err := os.ReadFile(filepath.Join(data, filepath.Base(perm.ReportFile)))
	var r perm.Report
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn("what was done for the data partition cannot be read", "err", err)
		}
		return d, false
	}
	if r.Boot != boot || boot == "" {
		return d, false
	}
	said := r.Sentence()
	log.Info("before this start", "card", said)
	d = drivers.Status{Device: "card", Name: "data partition", State: drivers.Ready, Reason: strings.ToUpper(said[:1]) + said[1:] + "."}
	if r.Problem != "" {
		d.State = drivers.Failed
	}
	return d, true
}

// bootID is the kernel's id of this boot (random(4)), or "".
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
