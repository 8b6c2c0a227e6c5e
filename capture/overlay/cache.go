package overlay

import "container/list"

const (
	maxLines     = 512     // kept drawings
	maxLineBytes = 8 << 20 // and their pixels together
)

type lineKey struct {
	text  string
	px    int
	style Style
}

// lineCache keeps the lines that were drawn last. Past either bound the one that was not asked for the longest goes.
// The zero value is ready; it is not safe for concurrent use.
type lineCache struct {
	byKey  map[lineKey]*list.Element
	recent list.List // of lineEntry, the latest in front
	bytes  int
}

type lineEntry struct {
	key lineKey
	drawn
}

func (c *lineCache) get(k lineKey) (drawn, bool) {
	e := c.byKey[k]
	if e == nil {
		return drawn{}, false
	}
	c.recent.MoveToFront(e)
	return e.Value.(lineEntry).drawn, true
}

func (c *lineCache) put(k lineKey, d drawn) {
	if c.byKey == nil {
		c.byKey = make(map[lineKey]*list.Element)
	}
	c.byKey[k] = c.recent.PushFront(lineEntry{k, d})
	c.bytes += cost(k, d)
	for c.recent.Len() > 1 && (c.recent.Len() > maxLines || c.bytes > maxLineBytes) {
		old := c.recent.Remove(c.recent.Back()).(lineEntry)
		delete(c.byKey, old.key)
		c.bytes -= cost(old.key, old.drawn)
	}
}

func cost(k lineKey, d drawn) int { return len(k.text) + len(d.img.Pix) }
