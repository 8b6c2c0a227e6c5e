package main

import (
	"io"
	"net"
)

// join copies both ways until one side ends its way.
func join(a, b net.Conn) {
	done := make(chan struct{}, 2)
	copying := func(to io.Writer, from io.Reader) {
		io.Copy(to, from) // whoever broke off, the other is told so by the close
		done <- struct{}{}
	}
	go copying(a, b)
	go copying(b, a)
	<-done
	a.Close()
	b.Close()
}

// relay connects whoever comes to l with what dial gives, for as long as the program runs.
func relay(l net.Listener, dial func() (net.Conn, error)) {
	for {
		a, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			b, err := dial()
			if err != nil {
				a.Close()
				return
			}
			join(a, b)
		}()
	}
}
