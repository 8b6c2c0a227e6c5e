package listen

import (
	"container/list"
	"net"
	"sync"
)

// crowd bounds a listener's connections: files, and memory, are finite. When all places are taken, the address that has
// the most of them loses its oldest to whoever comes. So one phone that opens thousands keeps nobody out, and a venue
// behind one address has all the places as long as nobody else comes. Safe for concurrent use.
type crowd struct {
	net.Listener
	most int

	mu   sync.Mutex
	n    int
	from map[string]*list.List // of *guest by address, the oldest in front
}

// guest is one connection.
type guest struct {
	net.Conn
	crowd *crowd
	host  string
	place *list.Element // nil: it has none any more
}

// Bounded is a listener with that many places.
func Bounded(l net.Listener, most int) net.Listener { return newCrowd(l, most) }

func newCrowd(l net.Listener, most int) *crowd {
	return &crowd{Listener: l, most: most, from: map[string]*list.List{}}
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = ""
	}
	g := &guest{Conn: conn, crowd: c, host: host}
	if out := c.enter(g); out != nil {
		out.Conn.Close() // its server finds out, and closes it too
	}
	return g, nil
}

// enter gives a place, and tells who lost theirs for it.
func (c *crowd) enter(g *guest) (out *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n >= c.most {
		var greediest *list.List
		for _, l := range c.from {
			if greediest == nil || l.Len() > greediest.Len() {
				greediest = l
			}
		}
		out = greediest.Front().Value.(*guest)
		c.leave(out)
	}
	l := c.from[g.host]
	if l == nil {
		l = list.New()
		c.from[g.host] = l
	}
	g.place = l.PushBack(g)
	c.n++
	return out
}

// leave gives a place back; c.mu is held.
func (c *crowd) leave(g *guest) {
	if g.place == nil {
		return
	}
	l := c.from[g.host]
	l.Remove(g.place)
	if l.Len() == 0 {
		delete(c.from, g.host)
	}
	g.place = nil
	c.n--
}

// NetConn is the connection itself, for its options.
func (g *guest) NetConn() net.Conn { return g.Conn }

// Close implements net.Conn.
func (g *guest) Close() error {
	g.crowd.mu.Lock()
	g.crowd.leave(g)
	g.crowd.mu.Unlock()
	return g.Conn.Close()
}
