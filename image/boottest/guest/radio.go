package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Of the kernel's linux/nl80211.h.
const (
	setWiphyNetns = 49
	attrWiphy     = 1
	attrPID       = 82
)

// moveRadio moves a Wi-Fi radio into the network namespace of a process, with its interfaces.
func moveRadio(radio, pid int) error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	if err := unix.Bind(s, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer, err := ask(s, unix.GENL_ID_CTRL, unix.CTRL_CMD_GETFAMILY, attr(unix.CTRL_ATTR_FAMILY_NAME, []byte("nl80211\x00")))
	if err != nil {
		return fmt.Errorf("nl80211: %w", err)
	}
	family, err := familyIn(answer)
	if err != nil {
		return err
	}
	u32 := func(v int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(v)) }
	_, err = ask(s, family, setWiphyNetns, append(attr(attrWiphy, u32(radio)), attr(attrPID, u32(pid))...))
	return err
}

// attr is a netlink attribute: length, type, value, filled up to four bytes.
func attr(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// ask sends a generic netlink request (netlink(7)) and returns the answer's attributes; none, if it is an acknowledgement.
func ask(s int, family uint16, command byte, attrs []byte) ([]byte, error) {
	const header = unix.SizeofNlMsghdr
	b := binary.NativeEndian.AppendUint32(nil, uint32(header+4+len(attrs)))
	b = binary.NativeEndian.AppendUint16(b, family)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = append(b, make([]byte, 8)...) // sequence and sender
	b = append(append(b, command, 1, 0, 0), attrs...)
	if err := unix.Sendto(s, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	var got []byte
	for in := make([]byte, 64<<10); ; {
		n, _, err := unix.Recvfrom(s, in, 0)
		if err != nil {
			return nil, err
		}
		for m := in[:n]; len(m) >= header; {
			size := int(binary.NativeEndian.Uint32(m))
			if size < header+4 || size > len(m) {
				return nil, errors.New("an answer that is cut short")
			}
			if binary.NativeEndian.Uint16(m[4:]) == unix.NLMSG_ERROR {
				if code := int32(binary.NativeEndian.Uint32(m[header:])); code != 0 {
					return nil, unix.Errno(-code)
				}
				return got, nil
			}
			got = append([]byte(nil), m[header+4:size]...)
			m = m[min((size+3)&^3, len(m)):]
		}
	}
}

func familyIn(attrs []byte) (uint16, error) {
	for a := attrs; len(a) >= 4; {
		size := int(binary.NativeEndian.Uint16(a))
		if size < 4 || size > len(a) {
			break
		}
		if binary.NativeEndian.Uint16(a[2:]) == unix.CTRL_ATTR_FAMILY_ID && size >= 6 {
			return binary.NativeEndian.Uint16(a[4:]), nil
		}
		a = a[min((size+3)&^3, len(a)):]
	}
	return 0, errors.New("the kernel has no nl80211")
}
