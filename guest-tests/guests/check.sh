#!/usr/bin/env bash
# Checks that the committed guests are what their sources build to. Exits with 1 when they are stale.
#
#   check.sh --quick       compares checksums only; needs no toolchain
#   check.sh               rebuilds as well, and compares the bytes; a guest whose toolchain this machine can neither
#                          find nor fetch is skipped, and the last line says so
#   check.sh RUNNER...     where the compiler is another one than the recorded, so that the bytes cannot be compared:
#                          `RUNNER... GUEST list` must print the same for the rebuilt guest and the committed one
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=debian.sh
. "$here/debian.sh"
cd "$here"
stale() { say "STALE: $*; run guest-tests/guests/build.sh and commit what it wrote"; exit 1; }

check_sums() { # check_sums GUEST CRATE
    local guest=$1 crate=$2 source
    sha256sum --quiet -c "$guest.wasm.sha256" || stale "$guest.wasm is not the one of its checksum"
    sha256sum --quiet -c "$guest.wasm.sources" || stale "$guest.wasm was built from other sources"
    while read -r source; do
        grep -qF "  $source" "$guest.wasm.sources" || stale "$source is newer than $guest.wasm"
    done < <(find "$crate/src" -name '*.rs')
}

# check_build GUEST: compares a new build.
check_build() {
    local guest=$1 status=0 recorded ours
    shift
    GUEST_TARGET_DIR=$rebuilt/target ./build.sh "$rebuilt" "$guest" || status=$?
    if [ "$status" = 3 ]; then
        skipped+=("$guest")
        return
    fi
    [ "$status" = 0 ] || die "$guest does not build"
    recorded=$(cat "$guest.wasm.toolchain")
    ours=$(cat "$rebuilt/$guest.wasm.toolchain")
    if [ "$recorded" = "$ours" ]; then
        cmp "$rebuilt/$guest.wasm" "$guest.wasm" || stale "$guest.wasm is not what its sources build to"
        say "$guest.wasm is what its sources build to, byte for byte"
        return
    fi
    say "NOT COMPARED byte for byte: the committed $guest.wasm was built with"
    say "  $recorded"
    say "and this machine has"
    say "  $ours"
    say "GUEST_TOOLCHAIN=debian gets the recorded one on a Debian machine, as long as Debian has it"
    [ $# -gt 0 ] || return 0
    "$@" "$rebuilt/$guest.wasm" list >"$rebuilt/list.ours" || die "the runner fails with the rebuilt $guest.wasm: $*"
    "$@" "$guest.wasm" list >"$rebuilt/list.committed" || die "the runner fails with the committed $guest.wasm: $*"
    diff "$rebuilt/list.committed" "$rebuilt/list.ours" || stale "$guest.wasm has other behaviours than its sources"
    say "both have the same behaviours"
}

check_sums behaviours behaviours
check_sums behaviours-p2 components
check_sums behaviours-p3 components
if [ "${1:-}" = --quick ]; then
    say "the checksums agree (not rebuilt)"
    exit 0
fi

rebuilt=$(mktemp -d)
trap 'rm -rf "$rebuilt"' EXIT
skipped=()
for guest in behaviours behaviours-p2 behaviours-p3; do
    check_build "$guest" "$@"
done
[ ${#skipped[@]} -eq 0 ] || say "SKIPPED, for want of a toolchain: ${skipped[*]}"
