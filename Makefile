# edgekit: every target works from a fresh clone. `make deps` installs what this machine lacks.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := build
STATICCHECK := go tool staticcheck
TSC := .cache/tsc/node_modules/.bin/tsc

.PHONY: build run test lab image image-vm image-lab boot boot-test boot-debian-test bench fuzz check deps deps-build deps-test deps-lab deps-image clean

# All programs, into bin/. Only edgecam needs a C compiler.
build: deps-build
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/edgekit
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/edgectl
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/edgeap
	CGO_ENABLED=1 go build -trimpath -o bin/ ./cmd/edgecam

# A kit on this machine: synthetic camera, virtual printer, a small catalogue. All it keeps is in .cache/run.
run: build
	@echo "the kit is in .cache/run, its slips in .cache/run/tickets; stop with Ctrl-C"
	@bin/edgekit -data .cache/run -camera $(or $(CAMERA),synthetic) -printer $(or $(PRINTER),virtual) -catalog cmd/internal/demo/catalogue.json -stall "Blue Door Pottery" $(FLAGS)

# Everything that needs no QEMU, browser included.
test: deps-test
	@.ci/step vet go vet -tags bench,lab,boot ./...
	@.ci/step staticcheck $(STATICCHECK) -tags bench,lab,boot ./...
	@.ci/step gofmt sh -c '! gofmt -l $$(git ls-files "*.go") | grep .'
	@.ci/step tsc $(TSC) -p cmd/internal/ui/check
	@.ci/step page-units node --test cmd/internal/ui/check/*.test.mjs
	@.ci/step models go test -count=1 -run '^TestCrowd' ./capture/fanout
	@.ci/step operations go test -count=1 -v -run '^TestManyOperations' ./pipeline/store -store.operations 1000000
	@.ci/step tests .ci/summary go test -v -race -timeout 30m $(TESTFLAGS) ./...

# The kernel's own drivers, in a virtual machine: see image/lab/README.md.
lab: deps-lab
	@.ci/step lab image/lab/lab.sh

# The SD card's image, bin/edgekit.img.xz: see image/README.md. WIFI_FIRMWARE=DIR|TAR where this machine has none of a Pi's.
# KERNEL=debian makes bin/edgekit-debian.img.xz, which drives Wi-Fi adapters on USB.
image: deps-image
	@go run ./image/pack -instance $(or $(INSTANCE),edgekit) -kernel $(or $(KERNEL),rpi) -out bin -wifi-firmware $(or $(WIFI_FIRMWARE),auto)

# The same system for QEMU's virt machine, with something to sell; uncompressed, in .cache/image.
image-vm: deps-image
	@go run ./image/pack -instance edgekit-vm -out "" -update-key .cache/image/test.key

# The same with Debian's kernel, whose own drivers have virtual devices there.
image-lab: deps-image
	@go run ./image/pack -instance edgekit-lab -kernel debian -out "" -update-key .cache/image/test.key

# The image under QEMU, until Ctrl-C; with BOOT_CHECK=1 until the viewer's page answers.
boot: image-vm
	@go build -o .cache/image/boot ./image/boottest/boot
	@.cache/image/boot -image .cache/image/instances/edgekit-vm/disk.img $(if $(filter 1,$(BOOT_CHECK)),-check)

# The image under QEMU: sales through power cuts, updates good and bad, settings, damage. BOOT_CUTS and UPDATE_CUTS: how many
# power cuts; 20 and 5 in CI.
boot-test: image image-vm image-lab
	@.ci/step same-bytes go test -count=1 -timeout 20m -tags boot -run '^TestBoot' -v ./image/pack
	@EDGEKIT_PROGRAMS=none .ci/step boot go test -count=1 -timeout 60m -tags boot -parallel 3 -run '^TestBoot' -v ./cmd/edgekit $(if $(BOOT_CUTS),-boot.cuts $(BOOT_CUTS)) $(if $(UPDATE_CUTS),-boot.update-cuts $(UPDATE_CUTS))

# Of these, Debian's kernel in an image: Wi-Fi, page, tap, slip, updates.
boot-debian-test: image-lab
	@EDGEKIT_PROGRAMS=none .ci/step boot-debian go test -count=1 -timeout 20m -tags boot -run '^TestBootDebian' -v ./cmd/edgekit

# Figure, budget, ratio. Also written to bench.json.
bench: deps-test image image-vm
	@EDGEKIT_BENCH_JSON="$(CURDIR)/bench.json" go test -count=1 -timeout 30m -tags bench -run '^TestBench$$' -v ./cmd/edgekit | grep -v '^=== '

# Each fuzz target for FUZZTIME (default 20s).
fuzz: deps-build
	@.ci/fuzz $(or $(FUZZTIME),20s)

# The virtual machines first: the last lines are the test runner's.
check: lab boot-test test

deps:
	@.ci/deps build test lab image
deps-build deps-test deps-lab deps-image: deps-%:
	@.ci/deps $(sort build $*)

clean:
	rm -rf bin .cache
