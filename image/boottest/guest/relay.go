package main

import (
	"io"
	"net"
)

// join copies both ways until one side ends its way. It leaves b open: the printer's end is opened once.
func join(a net.Conn, b io.ReadWriter) {
	done := make(chan struct{}, 2)
	copying := func(to io.Writer, from io.Reader) {
		io.Copy(to, from) // whoever broke off, the other is told so by the close
		done <- struct{}{}
	}
	go copying(a, b)
	go copying(b, a)
	<-done
	a.Close()
}

// relay connects whoever comes to l with what dial gives.
func relay(l net.Listener, dial func() (net.Conn, error)) error {
	for {
		a, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			b, err := dial()
			if err != nil {
				a.Close()
				return
			}
			defer b.Close()
			join(a, b)
		}()
	}
}
