package kittest

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Child waits for a process's child of a name (proc_pid_stat(5)).
func Child(t testing.TB, parent int, name string) (pid int) {
	t.Helper()
	Until(t, "process "+name, func() bool { pid = ChildIfAny(parent, name); return pid != 0 })
	return pid
}

// ChildIfAny is Child without waiting; 0: there is none now.
func ChildIfAny(parent int, name string) int {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, d := range all {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + d.Name() + "/stat")
		if err != nil {
			continue // it ended
		}
		_, comm, _ := strings.Cut(string(stat), "(")
		at := strings.LastIndexByte(comm, ')')
		if at < 0 {
			continue
		}
		fields := strings.Fields(comm[at+1:])
		if comm[:at] == name && len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(parent) {
			return pid
		}
	}
	return 0
}
