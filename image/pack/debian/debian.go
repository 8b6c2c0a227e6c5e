// Package debian takes programs out of Debian 12's arm64 packages, with the shared libraries they need and nothing
// else. The packages come by the host's own apt, its sources and its keys, into a folder of their own: the host gets no
// foreign architecture, and nothing is installed. Each is pinned by version and SHA-256 in the file pins.
//
// The files lie where they do on Debian, in /usr and with the loader in /lib, so a program is started by its path, such
// as /usr/sbin/hostapd: the kernel finds the loader, and the loader the libraries.
package debian

import "path"

// Program is a file of a package, with what it needs to run.
type Program struct{ Package, Path string }

// Programs are those of the image: the access point's, and those that check and make file systems.
var Programs = []Program{
	{"hostapd", "/usr/sbin/hostapd"},
	{"wpasupplicant", "/usr/sbin/wpa_supplicant"},
	{"e2fsprogs", "/usr/sbin/e2fsck"},
	{"e2fsprogs", "/usr/sbin/mke2fs"},
	{"dosfstools", "/usr/sbin/fsck.fat"},
}

// Data are files of packages that are taken as they are, and where the image has them. The regulatory database is signed
// twice, and the Pi's kernel has both keys; Debian's own kernel only has Debian's.
var Data = []struct{ Package, Path, To string }{
	{"wireless-regdb", "/usr/lib/firmware/regulatory.db-debian", "/lib/firmware/regulatory.db"},
	{"wireless-regdb", "/usr/lib/firmware/regulatory.db.p7s-debian", "/lib/firmware/regulatory.db.p7s"},
}

// licences is the package with the texts that the others' copyright files refer to.
const licences = "base-files"

// loader is where arm64 programs look for what starts them (ELF's PT_INTERP).
const loader = "/lib/ld-linux-aarch64.so.1"

// File is a file of the image.
type File struct {
	Path string // absolute
	Exec bool
	Data []byte
}

// Package is a package of which something is in the image.
type Package struct {
	Pin
	Arch                  string // arm64 or all
	Source, SourceVersion string // what it was built from
	Copyright             string // Debian's copyright file
	Files                 []File // what the image has of it
}

// roots are the packages that are asked for by name; the rest is what they need.
func roots() (names []string) {
	seen := map[string]bool{licences: true}
	names = append(names, licences)
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, p := range Programs {
		add(p.Package)
	}
	for _, d := range Data {
		add(d.Package)
	}
	return names
}

// merged is a path on a system whose /bin, /sbin and /lib are links into /usr; Debian 12's packages still have files in both.
func merged(p string) string {
	p = path.Clean("/" + p)
	for _, dir := range []string{"/bin/", "/sbin/", "/lib/"} {
		if len(p) > len(dir) && p[:len(dir)] == dir {
			return "/usr" + p
		}
	}
	return p
}
