package edgekit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "edgekit.internal/"

// allowed lists the arrows between leaves of one tree, each with its reason. All others between siblings are refused.
var allowed = map[string]string{
	"hardware/identity → hardware/whole": "a key is written whole or not at all",
	"pipeline/store → pipeline/journal":  "a sale and its journal entry are one transaction",
	"pipeline/store → pipeline/till":     "what a till roll sums up is read as of one moment",
	"drivers/button → drivers/gpio":      "one client of the kernel's lines, for what is wired to them",
	"drivers/led → drivers/gpio":         "the same",
	"drivers/thermal → drivers/mdns":     "printers in the network are found by it, as the kit itself is",
	"capture/fanout → capture/h264":      "packets are cut where NAL units begin",
	"capture/push → capture/h264":        "tests push what fan-out and recordings are tested with",
	"capture/record → capture/h264":      "a file has lengths where the stream has start codes",
	"capture/v4l2 → capture/usbip":       "a camera made of nothing is plugged in as all such devices are",
	"capture/alsa → capture/usbip":       "and a microphone",
	"image/pack → image/update":          "a bundle is written by the code that reads it",
	"image/boottest → image/update":      "bad bundles are made of good ones",
}

// TestArrows holds the floor plan (README "Inside"): trees import nothing of one another; a leaf imports its tree's
// root, what lies below itself, and the siblings listed above.
func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range append(p.Imports, append(p.TestImports, p.XTestImports...)...) {
			to, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			if why := refused(from, to); why != "" {
				t.Errorf("%s → %s: %s", from, to, why)
			}
		}
	}
}

func refused(from, to string) string {
	tree, toTree := first(from), first(to)
	switch {
	case tree == "cmd":
		if program, inner := second(from), second(to); toTree == "cmd" && inner != program && inner != "internal" {
			return "programs share through cmd/internal only"
		}
		return ""
	case tree == "image" && toTree == "hardware":
		return ""
	case tree != toTree:
		return "trees import nothing of one another; cmd introduces them"
	case to == tree, from == tree, strings.HasPrefix(to, tree+"/"+second(from)):
		if from == tree && to != tree {
			return "a root knows none of its leaves"
		}
		return ""
	case allowed[tree+"/"+second(from)+" → "+tree+"/"+second(to)] != "":
		return ""
	}
	return "leaves of a tree know only their root; if this arrow must be, list it with its reason"
}

func first(path string) string { a, _, _ := strings.Cut(path, "/"); return a }

func second(path string) string {
	_, rest, _ := strings.Cut(path, "/")
	return first(rest)
}

// TestOnlyEdgecamNeedsC: everything else builds without a C compiler, so that nothing else can crash in C.
func TestOnlyEdgecamNeedsC(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.CgoFiles) > 0 && !strings.HasPrefix(p.ImportPath, module+"cmd/edgecam/") {
			t.Errorf("%s uses cgo: %v", p.ImportPath, p.CgoFiles)
		}
	}
	out, err := exec.Command("go", "list", "-deps", "./cmd/edgekit").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "mediadevices") {
		t.Error("the daemon reaches the encoder")
	}
}

// TestTopLevelIsTheFloorPlan: what is committed at the top is what README "Inside" draws, and nothing else.
func TestTopLevelIsTheFloorPlan(t *testing.T) {
	plan := []string{".ci", ".gitignore", "Makefile", "README.md", "arch_test.go", "capture", "cmd", "drivers", "gokrazy", "go.mod", "go.sum", "hardware", "image", "pipeline"}
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if !slices.Contains(plan, first(path)) {
			t.Errorf("%s: the top level has %v", path, plan)
		}
	}
}

func TestNoPackageIsADrawerForOddsAndEnds(t *testing.T) {
	for _, p := range packages(t) {
		switch last := p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:]; last {
		case "util", "utils", "common", "helpers", "types", "models":
			t.Errorf("%s: what is it about?", p.ImportPath)
		}
		if n := len(p.GoFiles) + len(p.CgoFiles); n > 12 {
			t.Errorf("%s has %d files: it is two packages", p.ImportPath, n)
		}
	}
}

type listed struct {
	ImportPath                                            string
	GoFiles, CgoFiles, Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) (ps []listed) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,GoFiles,CgoFiles,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}
