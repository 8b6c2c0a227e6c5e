package alsa

import (
	"testing"
	"unsafe"
)

// The numbers are what a C compiler makes of sound/asound.h on amd64 and arm64, which agree.
func TestStructuresAndRequestsAreTheKernels(t *testing.T) {
	for name, c := range map[string][2]uintptr{
		"SNDRV_CTL_IOCTL_CARD_INFO":    {ctlCardInfo, 0x81785501},
		"SNDRV_PCM_IOCTL_HW_REFINE":    {pcmHwRefine, 0xc2604110},
		"SNDRV_PCM_IOCTL_HW_PARAMS":    {pcmHwParams, 0xc2604111},
		"SNDRV_PCM_IOCTL_SW_PARAMS":    {pcmSwParams, 0xc0884113},
		"SNDRV_PCM_IOCTL_STATUS":       {pcmStatus, 0x80984120},
		"SNDRV_PCM_IOCTL_PREPARE":      {pcmPrepare, 0x4140},
		"SNDRV_PCM_IOCTL_START":        {pcmStart, 0x4142},
		"SNDRV_PCM_IOCTL_DROP":         {pcmDrop, 0x4143},
		"SNDRV_PCM_IOCTL_READI_FRAMES": {pcmRead, 0x80184151},

		"snd_ctl_card_info.driver":          {unsafe.Offsetof(cardInfo{}.driver), 24},
		"snd_ctl_card_info.name":            {unsafe.Offsetof(cardInfo{}.name), 40},
		"snd_ctl_card_info.longname":        {unsafe.Offsetof(cardInfo{}.longName), 72},
		"snd_pcm_hw_params.masks":           {unsafe.Offsetof(hwParams{}.masks), 4},
		"snd_pcm_hw_params.intervals":       {unsafe.Offsetof(hwParams{}.intervals), 260},
		"snd_pcm_hw_params.rmask":           {unsafe.Offsetof(hwParams{}.rmask), 512},
		"snd_pcm_sw_params.avail_min":       {unsafe.Offsetof(swParams{}.availMin), 16},
		"snd_pcm_sw_params.start_threshold": {unsafe.Offsetof(swParams{}.startThreshold), 32},
		"snd_pcm_sw_params.stop_threshold":  {unsafe.Offsetof(swParams{}.stopThreshold), 40},
		"snd_pcm_sw_params.proto":           {unsafe.Offsetof(swParams{}.proto), 72},
		"snd_pcm_sw_params.tstamp_type":     {unsafe.Offsetof(swParams{}.tstampType), 76},
		"snd_pcm_status.tstamp":             {unsafe.Offsetof(status{}.tstamp), 24},
		"snd_pcm_status.delay":              {unsafe.Offsetof(status{}.delay), 56},
		"snd_pcm_status.avail":              {unsafe.Offsetof(status{}.avail), 64},
		"snd_xferi.frames":                  {unsafe.Offsetof(transfer{}.frames), 16},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %#x, expected %#x", name, c[0], c[1])
		}
	}
}
