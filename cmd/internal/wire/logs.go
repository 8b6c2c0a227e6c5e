package wire

import "time"

// LogRecord is one line of the kit's log, as it is on the disk, in GET /logs (one a line) and in the console.
type LogRecord struct {
	At    time.Time      `json:"t"`              // by the kit's wall clock, which may not know
	Boot  string         `json:"boot,omitempty"` // names the boot of the machine it is of
	Up    float64        `json:"up"`             // seconds since that boot
	Level string         `json:"level"`          // INFO, WARN, ERROR
	From  string         `json:"from"`           // program, or kernel
	Text  string         `json:"msg"`
	Attrs map[string]any `json:"attrs,omitempty"`
}

// CrashReport is what a program of the kit left when it crashed.
type CrashReport struct {
	Name    string    `json:"name"`
	Program string    `json:"program"`
	At      time.Time `json:"at"` // by the kit's wall clock, which may not know
	Text    string    `json:"text"`
}

// Logs answers GET /api/operator/logs.
type Logs struct {
	Records []LogRecord   `json:"records"` // oldest first
	Crashes []CrashReport `json:"crashes"` // newest first
	Disk    Disk          `json:"disk"`
}

// Disk is the disk that the kit's data is on. All are bytes.
type Disk struct {
	Free    int64    `json:"free"`
	Size    int64    `json:"size"`
	Written int64    `json:"written"`           // to it by anybody, as far as this kit counted; at power cuts up to an hour is missed
	Logs    int64    `json:"logs"`              // of that by logging, since this start
	LogsDay int64    `json:"logs_day"`          // what a day's logging may come to
	Stopped []string `json:"stopped,omitempty"` // for want of room: recordings, logs
}
