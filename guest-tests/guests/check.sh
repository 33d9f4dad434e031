#!/usr/bin/env bash
# Checks that the committed guests are what their sources build to. Exits with 1 when they are stale.
#
#   check.sh --quick       compares checksums only; needs no toolchain
#   check.sh               rebuilds as well, and compares the bytes
#   check.sh RUNNER...     where the compiler is another one than the recorded, so that the bytes cannot be compared:
#                          `RUNNER... MODULE list` must print the same for the rebuilt module and the committed one
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=debian.sh
. "$here/debian.sh"
cd "$here"
stale() { say "STALE: $*; run guest-tests/guests/build.sh and commit what it wrote"; exit 1; }

sha256sum --quiet -c behaviours.wasm.sha256 || stale "behaviours.wasm is not the module of its checksum"
sha256sum --quiet -c behaviours.wasm.sources || stale "behaviours.wasm was built from other sources"
for source in behaviours/src/*.rs; do
    grep -qF "  $source" behaviours.wasm.sources || stale "$source is newer than behaviours.wasm"
done
if [ "${1:-}" = --quick ]; then
    say "the checksums agree (not rebuilt)"
    exit 0
fi

rebuilt=$(mktemp -d)
trap 'rm -rf "$rebuilt"' EXIT
GUEST_TARGET_DIR=$rebuilt/target ./build.sh "$rebuilt" || die "the guests do not build"
recorded=$(cat behaviours.wasm.toolchain)
ours=$(cat "$rebuilt/behaviours.wasm.toolchain")
if [ "$recorded" = "$ours" ]; then
    cmp "$rebuilt/behaviours.wasm" behaviours.wasm || stale "behaviours.wasm is not what its sources build to"
    say "behaviours.wasm is what its sources build to, byte for byte"
    exit 0
fi

say "NOT COMPARED byte for byte: the committed module was built with"
say "  $recorded"
say "and this machine has"
say "  $ours"
say "GUEST_TOOLCHAIN=debian gets the recorded one on a Debian machine"
[ $# -gt 0 ] || exit 0
"$@" "$rebuilt/behaviours.wasm" list >"$rebuilt/list.ours" || die "the runner fails with the rebuilt module: $*"
"$@" behaviours.wasm list >"$rebuilt/list.committed" || die "the runner fails with the committed module: $*"
diff "$rebuilt/list.committed" "$rebuilt/list.ours" || stale "behaviours.wasm has other behaviours than its sources"
say "both modules have the same behaviours"
