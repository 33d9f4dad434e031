#!/usr/bin/env bash
# Builds the guests and writes the committed artefacts beside this script:
#
#   behaviours.wasm            the module
#   behaviours.wasm.sha256     its checksum
#   behaviours.wasm.sources    the checksums of what it was built from
#   behaviours.wasm.toolchain  the compiler, as `rustc -V` says
#
#   build.sh [DIR]             writes to DIR instead
#
# The same compiler and sources give the same bytes on every machine: no path of the machine gets into the module, and
# nothing of the caller's environment or cargo configuration changes the flags. cargo works in GUEST_TARGET_DIR
# (default: <repo>/target/guests).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=debian.sh
. "$here/debian.sh"
crate=$here/behaviours
out=$(cd "${1:-$here}" && pwd) || die "no directory ${1:-$here}"
work=${GUEST_TARGET_DIR:-$(cd "$here/../.." && pwd)/target/guests}
mkdir -p "$work" && work=$(cd "$work" && pwd) || die "cannot create $work"

environment=$("$here/toolchain.sh") || die "no toolchain for wasm32-wasip1"
# shellcheck disable=SC1090
. "$environment"

unset RUSTFLAGS CARGO_INCREMENTAL
while read -r variable; do unset "$variable"; done < <(compgen -e CARGO_PROFILE_ || true)
# Set, because these win over every configuration file; an empty wrapper is none.
export RUSTC_WRAPPER='' RUSTC_WORKSPACE_WRAPPER=''
separator=$(printf '\037')
export CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$crate=behaviours${separator}--remap-path-prefix=$work=target"

say "building with $("$GUEST_RUSTC" -V)"
(cd "$crate" && cargo build --quiet --locked --offline --release --target wasm32-wasip1 --target-dir "$work") \
    || die "cargo build failed"

module=$work/wasm32-wasip1/release/behaviours.wasm
for path in "$here" "$work" "${CARGO_HOME:-${HOME:-/nonexistent}/.cargo}" "$(dirname "$GUEST_RUSTC")"; do
    ! grep -aqF -e "$path" "$module" || die "the path $path of this machine is in $module"
done
install -m 644 "$module" "$out/behaviours.wasm"
(cd "$out" && sha256sum behaviours.wasm) >"$out/behaviours.wasm.sha256"
(cd "$here" && LC_ALL=C && sha256sum behaviours/Cargo.toml behaviours/Cargo.lock behaviours/src/*.rs) \
    >"$out/behaviours.wasm.sources"
"$GUEST_RUSTC" -V >"$out/behaviours.wasm.toolchain"
say "behaviours.wasm: $(wc -c <"$out/behaviours.wasm") bytes, sha256 $(cut -c1-16 "$out/behaviours.wasm.sha256")..."
