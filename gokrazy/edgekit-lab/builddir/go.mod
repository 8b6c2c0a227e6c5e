// What the image has beside the project's own programs. pack adds the project's go.mod and go.sum to these two files.
module gokrazy/build/edgekit-lab

go 1.26.0

require (
	github.com/gokrazy/gokrazy v0.0.0-20260418085648-c38c3134b8a7
	github.com/gokrazy/kernel.rpi v0.0.0-20251127164438-9778ec0261de
)
