#!/bin/bash
# lab.sh: the project's proofs on the kernel's own drivers. Builds the programs and the lab's tests for arm64, the kit's
# architecture, boots Debian's arm64 kernel under QEMU with cameras and printers of the kernel's own, and runs them there.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=$PWD/.cache out=$PWD/.cache/lab
mkdir -p "$out/programs"
export LAB_CACHE=$cache/lab-vm

echo "building for arm64"
CGO_ENABLED=0 GOARCH=arm64 go build -trimpath -o "$out/programs/" ./cmd/edgekit ./cmd/edgeap
CGO_ENABLED=1 GOARCH=arm64 CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ \
	go build -trimpath -tags netgo,osusergo -ldflags '-linkmode external -extldflags "-static"' -o "$out/programs/" ./cmd/edgecam
tests=()
for package in ./capture/v4l2 ./capture/alsa ./cmd/edgecam/internal/hear ./capture/fanout ./drivers/thermal ./drivers/button ./drivers/led ./drivers/scanner ./drivers/kmod ./drivers/portal/dhcp ./drivers/portal/firewall ./drivers/wifiap ./cmd/edgeap ./cmd/edgekit; do
	name=$(echo "${package#./}" | tr / -).test
	CGO_ENABLED=0 GOARCH=arm64 go test -c -tags lab -o "$out/$name" "$package"
	tests+=("$name")
done
# The only ones that need C.
CGO_ENABLED=1 GOARCH=arm64 CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ go test -c -tags lab,netgo,osusergo \
	-ldflags '-linkmode external -extldflags "-static"' -o "$out/cmd-edgecam-source.test" ./cmd/edgecam/internal/source
tests+=(cmd-edgecam-source.test)

{
	echo '#!/bin/sh'
	echo 'export EDGEKIT_PROGRAMS=/programs TMPDIR=/tmp; rc=0; cd /tests'
	for t in "${tests[@]}"; do
		echo "echo '▶ lab: $t'; ./$t -test.v -test.run '^TestLab' -test.timeout 1200s >log 2>&1 || { rc=1; echo '✘ lab: $t'; }"
		echo "cat log; grep -q '^--- PASS' log || { rc=1; echo '✘ lab: $t: no test passed'; }; ! grep -q '^--- SKIP' log || rc=1"
	done
	echo 'exit $rc'
} >"$out/all.sh"
chmod +x "$out/all.sh"

files=(--file "$out/programs:/programs" --file "$out/all.sh:/tests/all.sh")
for t in "${tests[@]}"; do files+=(--file "$out/$t:/tests/$t"); done
for f in NotoSans-Regular.ttf NotoSans-Bold.ttf; do
	files+=(--file "/usr/share/fonts/truetype/noto/$f:/programs/fonts/$f")
done
echo "booting"
mkdir -p "$out/result"
rc=0
image/lab/run.sh --arch arm64 --devices "wifi camera usbip printer serial keyboard gpio" --timeout "${LAB_TIMEOUT:-2700}" "${files[@]}" --out "$out/result" sh /tests/all.sh | tee "$out/result/log" || rc=$?
echo "figures, on an emulated processor"
image/lab/figures "$out/result/log" | tee "$out/result/figures" || rc=1
exit $rc
