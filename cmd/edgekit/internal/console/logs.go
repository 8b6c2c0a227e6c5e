package console

import (
	"net/http"
	"slices"
	"strings"
)

// shownRecords is how many records of the log a console has at a time.
const shownRecords = 200

func (c *Console) getLogs(rw http.ResponseWriter, r *http.Request) {
	level := strings.ToUpper(r.FormValue("level"))
	if !slices.Contains([]string{"", "INFO", "WARN", "ERROR"}, level) {
		refuse(rw, http.StatusBadRequest, "malformed", "There is no such level. Expected info, warn or error.")
		return
	}
	reply(rw, c.Logs(level, shownRecords))
}
