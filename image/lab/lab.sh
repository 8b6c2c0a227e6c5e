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
build() { # build PACKAGE: its tests, as $name
	name=$(echo "${1#./}" | tr / -).test
	CGO_ENABLED=0 GOARCH=arm64 go test -c -tags lab -o "$out/$name" "$1"
}
wired=() radio=()
for package in ./capture/v4l2 ./drivers/thermal ./drivers/button ./drivers/led ./drivers/scanner ./drivers/kmod; do
	build "$package"
	wired+=("$name")
done
for package in ./drivers/portal/dhcp ./drivers/portal/firewall ./drivers/wifiap ./cmd/edgeap ./cmd/edgekit; do
	build "$package"
	radio+=("$name")
done

# A network that fills is minutes of waiting for its own clocks: they pass beside the tests that use no radio.
{
	cat <<-'SH'
		#!/bin/sh
		export EDGEKIT_PROGRAMS=/programs TMPDIR=/tmp; rc=0; cd /tests
		lab() { # lab LOG TEST FLAG...
			log=$1 t=$2; shift 2
			./$t -test.v -test.timeout 1200s "$@" >$log 2>&1 || { echo "✘ lab: $t" >>$log; false; }
		}
		told() { # told LOG: what a test said, and whether it tested anything
			cat $1; grep -q '^--- PASS' $1 || { rc=1; echo '✘ lab: no test passed'; }; ! grep -q '^--- SKIP' $1 || rc=1
		}
		full=TestLabAFullNetwork
		lab full cmd-edgeap.test -test.run "^$full\$" & beside=$!
	SH
	for t in "${wired[@]}"; do echo "echo '▶ lab: $t'; lab log $t -test.run ^TestLab || rc=1; told log"; done
	echo "echo \"▶ lab: \$full, which began with the first\"; wait \$beside || rc=1; told full"
	for t in "${radio[@]}"; do echo "echo '▶ lab: $t'; lab log $t -test.run ^TestLab -test.skip \"^\$full\\\$\" || rc=1; told log"; done
	echo 'exit $rc'
} >"$out/all.sh"
chmod +x "$out/all.sh"

files=(--file "$out/programs:/programs" --file "$out/all.sh:/tests/all.sh")
for t in "${wired[@]}" "${radio[@]}"; do files+=(--file "$out/$t:/tests/$t"); done
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
