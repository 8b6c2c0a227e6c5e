//go:build lab

package v4l2

import (
	"image"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"edgekit.internal/capture/v4l2/webcam"
)

// TestLabTheWebcamIsOneByV4L2Compliance: what v4l2-compliance, which tests drivers with their devices, finds in uvcvideo with the webcam that the
// lab's other tests are run with. What it finds in vivid is told beside it, as what the kernel's own virtual camera is like. Two of its tests are
// of uvcvideo alone, whatever the camera: it says EBUSY, not EINVAL, to VIDIOC_STREAMON without buffers (uvc_dismiss_privileges), and EACCES
// to setting focus together with its being automatic (uvc_ctrl_is_accessible).
func TestLabTheWebcamIsOneByV4L2Compliance(t *testing.T) {
	cam, err := webcam.Plug(encodeJPEG(t, photo(image.YCbCrSubsampleRatio420, webcam.Width, webcam.Height)))
	if err != nil {
		t.Fatal(err)
	}
	defer cam.Unplug()
	total := regexp.MustCompile(`Succeeded: (\d+), Failed: (\d+), Warnings: (\d+)`)
	for _, name := range []string{webcam.Name, "vivid"} {
		out, err := exec.CommandContext(t.Context(), "v4l2-compliance", "-d", find(t, name), "-s", "5").CombinedOutput()
		m := total.FindStringSubmatch(string(out))
		if m == nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		t.Logf("%s: %s", name, m[0])
		for line := range strings.Lines(string(out)) {
			line = strings.TrimSpace(line)
			switch fails := strings.HasPrefix(line, "fail:"); {
			case fails && name == webcam.Name && !strings.HasSuffix(line, "node->streamon(q.g_type()) != EINVAL") && !strings.HasSuffix(line, "s_ext_ctrls returned an error (13)"):
				t.Errorf("%s: %s", name, line)
			case fails || strings.HasPrefix(line, "warn:"):
				t.Logf("%s: %s", name, line)
			}
		}
	}
}
