package wire

import "time"

// Recording is what becomes of the picture: part of what a console is told of by itself.
type Recording struct {
	State    string `json:"state"`         // off, idle, waiting, recording, full or failed
	Why      string `json:"why,omitempty"` // of off, full and failed, a sentence
	Released bool   `json:"released"`      // those in the picture agreed; while a recording is wanted
	Note     string `json:"note,omitempty"`
}

// Recordings answers GET /recordings on the control socket, GET /api/operator/recordings on the console. A recording is begun and
// ended by PUT {"on":true} there, marked by PUT /recordings/release {"released":true,"note":""}, deleted by DELETE /recordings/NAME;
// what is done is answered with a Recording.
type Recordings struct {
	Now   Recording       `json:"now"`
	Files []RecordingFile `json:"files"` // newest first
	Room  int64           `json:"room"`  // bytes that recordings may still fill; below 0: none
}

// RecordingFile is one recording. It is had at GET /recordings/NAME.mp4 (in parts, if that is asked for), its marks at
// GET /recordings/NAME/marks.
type RecordingFile struct {
	Name       string    `json:"name"`
	Bytes      int64     `json:"bytes"`
	LongMS     int64     `json:"long_ms"`
	ReleasedMS int64     `json:"released_ms"`      // how much of it is
	Began      time.Time `json:"began,omitzero"`   // by the wall clock; not said: it was not known
	Live       bool      `json:"live,omitempty"`   // it is being made
	Broken     string    `json:"broken,omitempty"` // why it cannot be had
}

// RecordingMarks are from when to when a recording is released: in order, from its beginning to its end.
type RecordingMarks struct {
	RTP   uint32          `json:"rtp"`            // of the first picture
	KitMS int64           `json:"kit_ms"`         // kit time then
	Began time.Time       `json:"began,omitzero"` // wall clock then, if it was known
	Marks []RecordingMark `json:"marks"`
	Fault string          `json:"fault,omitempty"` // what could not be read, and is withheld
}

// RecordingMark is one part of a recording.
type RecordingMark struct {
	FromMS   int64  `json:"from_ms"`
	ToMS     int64  `json:"to_ms"`
	RTP      uint32 `json:"rtp"` // of its beginning
	Released bool   `json:"released"`
	Note     string `json:"note,omitempty"`
}
