package store

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"
	"zombiezen.com/go/sqlite/sqlitex"
)

// schema is kit.db. The store's writer is the only one that writes; every table is changed only inside a transaction
// that leaves all of them telling the same story, so a crash at any instant leaves the state of some commit.
// A migration, once released, is never edited: the next one is appended.
var schema = sqlitemigration.Schema{
	AppID: 0x65646b74, // "edkt"
	Migrations: []string{`
-- What is known about the kit as a whole: the catalogue in use (CBOR), its digest, the kit clock's anchor.
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- Pieces left. Taken by sales, set by imports. The CHECK is the last line of defence against overselling.
CREATE TABLE stock (sku TEXT PRIMARY KEY, left INTEGER NOT NULL CHECK (left >= 0)) WITHOUT ROWID;

-- The live state of offers; ends is kit time in milliseconds, 0 for none.
CREATE TABLE offers (id TEXT PRIMARY KEY, state TEXT NOT NULL, sold INTEGER NOT NULL CHECK (sold >= 0), ends INTEGER NOT NULL) WITHOUT ROWID;

-- Nonces of used tokens, until the token's own expiry (kit seconds) refuses it.
CREATE TABLE burned (nonce BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;

-- Every decision about a tap whose token was good; sale is the ticket's number, or null for a refusal.
CREATE TABLE taps (viewer TEXT NOT NULL, id TEXT NOT NULL, offer TEXT NOT NULL, reason TEXT NOT NULL, details TEXT NOT NULL,
	at INTEGER NOT NULL, sale INTEGER, left INTEGER NOT NULL, PRIMARY KEY (viewer, id)) WITHOUT ROWID;

-- Conversions, each of which is also its ticket. at: kit ms; wall: Unix ms as believed; print: see Print.
CREATE TABLE sales (number INTEGER PRIMARY KEY, tap TEXT NOT NULL, viewer TEXT NOT NULL, offer TEXT NOT NULL, title TEXT NOT NULL,
	total INTEGER NOT NULL, currency TEXT NOT NULL, lines TEXT NOT NULL, via TEXT NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL,
	print INTEGER NOT NULL DEFAULT 0);

-- What the cloud will be told, in order: package journal's entries.
CREATE TABLE journal (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL);

-- A visitor's latest choice; wall: Unix ms as believed.
CREATE TABLE consents (viewer TEXT PRIMARY KEY, version INTEGER NOT NULL, choice TEXT NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL) WITHOUT ROWID;
`},
}

// additions are what came later, by the table that each begins with. An update that does not prove itself goes back to the system
// before it, on the data that the newer one has written: so what is new is added beside the rest, where an older program does not
// look, and leaves the schema's version alone. A migration would lock the older one out; it is for what cannot be done otherwise,
// in an update that says so.
var additions = []struct{ table, sql string }{
	{"presses", `
-- Presses of the operator's buttons, and what became of each; at: kit ms; wall: Unix ms as believed; ticket: 0 for none.
CREATE TABLE presses (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, button TEXT NOT NULL, gesture TEXT NOT NULL, action TEXT NOT NULL,
	via TEXT NOT NULL, reason TEXT NOT NULL, details TEXT NOT NULL, offer TEXT NOT NULL, ticket INTEGER NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL);
CREATE INDEX presses_by_action ON presses (action, reason, seq);
`},
	{"corrections", `
-- Corrections of stock, and what became of each; set_to: n is how many there are, else how many more; by: what it made of what was left;
-- at: kit ms; wall: Unix ms as believed.
CREATE TABLE corrections (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, sku TEXT NOT NULL, set_to INTEGER NOT NULL, n INTEGER NOT NULL, reason TEXT NOT NULL,
	note TEXT NOT NULL, via TEXT NOT NULL, outcome TEXT NOT NULL, details TEXT NOT NULL, by INTEGER NOT NULL, left INTEGER NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL);
`},
	{"fulfilment", `
-- How far a ticket is through the counter, from the first on that happens to it after the sale. Kit ms, 0 for not yet; handed and void: pieces of each line, in JSON; gone: 1 where all of it is void.
CREATE TABLE fulfilment (ticket INTEGER PRIMARY KEY, printed INTEGER NOT NULL DEFAULT 0, ready INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
	handed TEXT NOT NULL DEFAULT '[]', void TEXT NOT NULL DEFAULT '[]', voided INTEGER NOT NULL DEFAULT 0, paid INTEGER NOT NULL DEFAULT 0, gone INTEGER NOT NULL DEFAULT 0);
`},
	{"counter", `
-- What was done with tickets at the counter, and what became of each: see pipeline.CounterOutcome. moved and pieces in JSON; swap: the offer that they went for,
-- swapped: its ticket, 0 for none; at: kit ms; wall: Unix ms as
-- believed.
CREATE TABLE counter (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ticket INTEGER NOT NULL, do TEXT NOT NULL, pieces TEXT NOT NULL, payment TEXT NOT NULL,
	amount INTEGER NOT NULL, restock INTEGER NOT NULL, swap TEXT NOT NULL, note TEXT NOT NULL, via TEXT NOT NULL, outcome TEXT NOT NULL, details TEXT NOT NULL, moved TEXT NOT NULL,
	money INTEGER NOT NULL, voided INTEGER NOT NULL, undone TEXT NOT NULL, swapped INTEGER NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL);
CREATE INDEX counter_of ON counter (ticket, seq);
`},
	{"windows", `
-- How often each offer went live after it was not, and kit ms at which it did last, or will by itself: pipeline.Level.Window and Starts.
CREATE TABLE windows (offer TEXT PRIMARY KEY, n INTEGER NOT NULL, starts INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
`},
	{"wishes", `
-- Wishes of operators that have no table of their own, by the ULID that was made where each was made: what it was; at: kit ms.
CREATE TABLE wishes (id TEXT PRIMARY KEY, what TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
`},
	{"guests", `
-- Who is on the list of a ticketed event, or came without being on it: pipeline.Guest. code: null for who has none; since: kit ms at which they came in, 0: they are
-- not in; wall: Unix ms as believed. Names go when the list does.
CREATE TABLE guests (n INTEGER PRIMARY KEY AUTOINCREMENT, code BLOB UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL, walk INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL DEFAULT 0,
	wall INTEGER NOT NULL DEFAULT 0);
`},
	{"door", `
-- What was done at the door, and what became of each: pipeline.DoorOutcome. details has names, and goes with the list. at: kit ms; wall: Unix ms as believed.
CREATE TABLE door (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, do TEXT NOT NULL, guest INTEGER NOT NULL, via TEXT NOT NULL, outcome TEXT NOT NULL,
	details TEXT NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL);
`},
	{"answers", `
-- What operators were answered, by the key of what they asked for: pipeline.Answer. The latest; at: kit ms.
CREATE TABLE answers (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, of BLOB NOT NULL, status INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL);
`},
	{"paid", `
-- What was said elsewhere to be paid, by that word's id, and what became of it; at: kit ms; wall: Unix ms as believed.
CREATE TABLE paid (id TEXT NOT NULL UNIQUE, ticket INTEGER NOT NULL, tap TEXT NOT NULL, minor INTEGER NOT NULL, currency TEXT NOT NULL, outcome TEXT NOT NULL, details TEXT NOT NULL,
	at INTEGER NOT NULL, wall INTEGER NOT NULL);
`},
	{"holds", `
-- Tickets that are for who bought them until they are paid, and until when: kit ms.
CREATE TABLE holds (ticket INTEGER PRIMARY KEY, until INTEGER NOT NULL);
CREATE INDEX holds_until ON holds (until);
`},
	{"line", `
-- Who stands in line for what was sold out when they tapped it, by when the tap came: pipeline.Place. choice and kept, which is taken out of stock for who is
-- called until then, in JSON; at and until: kit ms, 0 for who is not called.
CREATE TABLE line (seq INTEGER PRIMARY KEY AUTOINCREMENT, viewer TEXT NOT NULL, offer TEXT NOT NULL, choice TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL DEFAULT 0,
	kept TEXT NOT NULL DEFAULT '', UNIQUE (viewer, offer));
CREATE INDEX line_of ON line (offer, until, seq);
`},
	{"closings", `
-- Closings of the till: up to which ticket, and which row of counter, each goes; at: kit ms; wall: Unix ms as believed.
CREATE TABLE closings (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ticket INTEGER NOT NULL, act INTEGER NOT NULL, at INTEGER NOT NULL, wall INTEGER NOT NULL);
`},
}

// prepare sets up the writer's connection. WAL with FULL: a commit is on the disk before it returns, and readers are
// never in its way (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous). What is deleted is overwritten (#pragma_secure_delete): a name that
// somebody wants gone is gone.
func prepare(conn *sqlite.Conn) error {
	for _, pragma := range []string{
		"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON", "PRAGMA temp_store = MEMORY",
		"PRAGMA journal_size_limit = 8388608", "PRAGMA trusted_schema = OFF", "PRAGMA secure_delete = ON",
	} {
		if err := sqlitex.ExecuteTransient(conn, pragma, nil); err != nil {
			return fmt.Errorf("%s: %w", pragma, err)
		}
	}
	return nil
}

func migrate(conn *sqlite.Conn) error {
	version, err := number(conn, "PRAGMA user_version")
	if err != nil {
		return err
	}
	app, err := number(conn, "PRAGMA application_id")
	if err != nil {
		return err
	}
	switch {
	case version > len(schema.Migrations):
		return fmt.Errorf("its schema is version %d, this program knows up to %d: it was written by a newer edgekit, which is needed to read it", version, len(schema.Migrations))
	case version < len(schema.Migrations) || app != int(schema.AppID): // else without a write: a kit starts on a full disk too
		if err := sqlitemigration.Migrate(context.Background(), conn, schema); err != nil {
			return err
		}
	}
	for _, a := range additions {
		n, err := number(conn, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '"+a.table+"'")
		if err == nil && n == 0 {
			err = sqlitex.ExecuteScript(conn, a.sql, nil) // all or nothing
		}
		if err != nil {
			return fmt.Errorf("table %s: %w", a.table, err)
		}
	}
	return nil
}

func number(conn *sqlite.Conn, query string) (n int, err error) {
	err = sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error { n = s.ColumnInt(0); return nil }})
	return n, err
}
