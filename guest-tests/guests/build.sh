#!/usr/bin/env bash
# Builds the guests and writes the committed artefacts beside this script; of each guest:
#
#   GUEST.wasm            the module or component
#   GUEST.wasm.sha256     its checksum
#   GUEST.wasm.sources    the checksums of what it was built from
#   GUEST.wasm.toolchain  the compiler, as `rustc -V` says
#
#   build.sh [DIR [GUEST...]]   writes to DIR instead; builds these guests instead of all
#
# The guests:
#
#   behaviours      WASI preview 1, a module
#   behaviours-p2   WASI 0.2, a component
#   behaviours-p3   WASI 0.3, a component
#
# The same compiler and sources give the same bytes on every machine: no path of the machine gets into the guest, and
# nothing of the caller's environment or cargo configuration changes the flags. cargo works in GUEST_TARGET_DIR
# (default: <repo>/target/guests). Exits with 3 when there is no toolchain to be had.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=debian.sh
. "$here/debian.sh"
out=$(cd "${1:-$here}" && pwd) || die "no directory ${1:-$here}"
[ $# -eq 0 ] || shift
guests=("${@:-}")
[ -n "${guests[0]}" ] || guests=(behaviours behaviours-p2 behaviours-p3)
work=${GUEST_TARGET_DIR:-$(cd "$here/../.." && pwd)/target/guests}
mkdir -p "$work" && work=$(cd "$work" && pwd) || die "cannot create $work"
cargo_home=${CARGO_HOME:-${HOME:-/nonexistent}/.cargo}

# build GUEST CRATE TARGET FEATURES ARTEFACT
build() {
    local guest=$1 crate=$here/$2 target=$3 features=$4 artefact=$work/$3/release/$5 environment path remap
    environment=$(GUEST_TARGET=$target "$here/toolchain.sh") || { say "no toolchain for $target"; exit 3; }
    # shellcheck disable=SC1090
    . "$environment"

    unset RUSTFLAGS CARGO_INCREMENTAL
    while read -r variable; do unset "$variable"; done < <(compgen -e CARGO_PROFILE_ || true)
    # Set, because these win over every configuration file; an empty wrapper is none.
    export RUSTC_WRAPPER='' RUSTC_WORKSPACE_WRAPPER=''
    cd "$crate"
    cargo fetch --quiet --locked --target "$target" || die "the dependencies of $guest cannot be fetched"
    # A registry's directory has a name of its own on machines that reach it through another one.
    remap=("--remap-path-prefix=$crate=$2" "--remap-path-prefix=$work=target")
    for path in "$cargo_home"/registry/src/*/; do
        [ ! -d "$path" ] || remap+=("--remap-path-prefix=${path%/}=registry")
    done
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$(printf '\037') && printf '%s' "${remap[*]}")
    export CARGO_ENCODED_RUSTFLAGS

    say "building $guest with $("$GUEST_RUSTC" -V)"
    cargo build --quiet --locked --offline --release --target "$target" --features "$features" --target-dir "$work" \
        || die "cargo build failed"
    for path in "$here" "$work" "$cargo_home" "$(dirname "$GUEST_RUSTC")"; do
        ! grep -aqF -e "$path" "$artefact" || die "the path $path of this machine is in $artefact"
    done
    install -m 644 "$artefact" "$out/$guest.wasm"
    (cd "$out" && sha256sum "$guest.wasm") >"$out/$guest.wasm.sha256"
    (cd "$here" && export LC_ALL=C && { printf '%s\n' "$2/Cargo.toml" "$2/Cargo.lock" && find "$2/src" -name '*.rs' | sort; } \
        | xargs sha256sum) >"$out/$guest.wasm.sources"
    "$GUEST_RUSTC" -V >"$out/$guest.wasm.toolchain"
    say "$guest.wasm: $(wc -c <"$out/$guest.wasm") bytes, sha256 $(cut -c1-16 "$out/$guest.wasm.sha256")..."
}

for guest in "${guests[@]}"; do
    # In a process of its own: each toolchain sets the environment.
    case $guest in
        behaviours) (build "$guest" behaviours wasm32-wasip1 '' behaviours.wasm) ;;
        behaviours-p2) (build "$guest" components wasm32-wasip2 p2 behaviours_component.wasm) ;;
        behaviours-p3) (build "$guest" components wasm32-wasip2 p3 behaviours_component.wasm) ;;
        *) die "there is no guest $guest" ;;
    esac
done
