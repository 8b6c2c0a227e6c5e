package openh264

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// abi says of each thing that decode.h repeats that it is where the library's headers have it.
const abi = `
#include <stddef.h>
#include <openh264/codec_api.h>
#include "decode.h"
#define SAME(a, x, b, y) _Static_assert(offsetof(a, x) == offsetof(b, y), #y)
_Static_assert(sizeof(edgekit_param) == sizeof(SDecodingParam), "SDecodingParam");
SAME(edgekit_param, concealment, SDecodingParam, eEcActiveIdc);
SAME(edgekit_param, parseOnly, SDecodingParam, bParseOnly);
SAME(edgekit_param, propertySize, SDecodingParam, sVideoProperty.size);
SAME(edgekit_param, bitstream, SDecodingParam, sVideoProperty.eVideoBsType);
_Static_assert(sizeof(SVideoProperty) == 2 * sizeof(int), "SVideoProperty");
_Static_assert(VIDEO_BITSTREAM_AVC == 0 && ERROR_CON_DISABLE == 0 && WELS_LOG_QUIET == 0 && dsErrorFree == 0, "zeros");
_Static_assert(sizeof(edgekit_picture) == sizeof(SBufferInfo), "SBufferInfo");
SAME(edgekit_picture, ready, SBufferInfo, iBufferStatus);
SAME(edgekit_picture, width, SBufferInfo, UsrData.sSystemBuffer.iWidth);
SAME(edgekit_picture, height, SBufferInfo, UsrData.sSystemBuffer.iHeight);
SAME(edgekit_picture, format, SBufferInfo, UsrData.sSystemBuffer.iFormat);
SAME(edgekit_picture, stride, SBufferInfo, UsrData.sSystemBuffer.iStride);
SAME(edgekit_picture, plane, SBufferInfo, pDst);
SAME(edgekit_calls, initialize, ISVCDecoderVtbl, Initialize);
SAME(edgekit_calls, uninitialize, ISVCDecoderVtbl, Uninitialize);
SAME(edgekit_calls, decodeFrame2, ISVCDecoderVtbl, DecodeFrame2);
SAME(edgekit_calls, setOption, ISVCDecoderVtbl, SetOption);
_Static_assert(edgekit_trace_level == (int)DECODER_OPTION_TRACE_LEVEL && edgekit_i420 == (int)videoFormatI420, "numbers");
`

func TestTheDecodersLayoutIsTheLibrarys(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/pion/mediadevices/pkg/codec/openh264").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "abi.c")
	if err := os.WriteFile(file, []byte(abi), 0o600); err != nil {
		t.Fatal(err)
	}
	cc, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	headers := filepath.Join(strings.TrimSpace(string(out)), "include")
	if out, err := exec.Command(strings.TrimSpace(string(cc)), "-fsyntax-only", "-I", here, "-I", headers, file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
