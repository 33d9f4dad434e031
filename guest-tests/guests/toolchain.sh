#!/usr/bin/env bash
# Finds or fetches a Rust toolchain that can build for $GUEST_TARGET, and writes DIR/env.sh to source.
#
#   toolchain.sh            prints the path of env.sh (everything else goes to stderr)
#
# 1. If the active rustup toolchain has the target installed, that one is used.
# 2. Else Debian's rustc with its prebuilt std for wasm is downloaded and unpacked (nothing is installed, no root
#    needed); it runs through its own dynamic loader, so the machine's glibc may be older. cargo and the linker
#    are those of rustup.
#
# GUEST_TARGET           the target: wasm32-wasip1 (default) or wasm32-wasip2
# GUEST_TOOLCHAIN_DIR    where it is kept (default: <repo>/target/guest-toolchain)
# GUEST_TOOLCHAIN        `auto` (as above), `debian` (skip 1) or `rustup` (fail instead of 2)
# GUEST_TOOLCHAIN_SUITE  the Debian suite: trixie (default for wasm32-wasip1; rustc 1.85) or sid (newest; default for
#                        wasm32-wasip2, because trixie's libc for it calls preview 1 through an adapter)
# DEBIAN_MIRROR          the mirror, if not the one that this machine's apt uses
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=debian.sh
. "$here/debian.sh"

target=${GUEST_TARGET:-wasm32-wasip1}
case $target in
    wasm32-wasip1) suite=trixie ;;
    wasm32-wasip2) suite=sid ;;
    *) die "no guest is built for $target" ;;
esac
suite=${GUEST_TOOLCHAIN_SUITE:-$suite}
mode=${GUEST_TOOLCHAIN:-auto}
dir=$(realpath -m "${GUEST_TOOLCHAIN_DIR:-$here/../../target/guest-toolchain}")
[ "$suite" = trixie ] || dir=$dir-$suite
format=1 # raise it when the layout below changes

# Which toolchain is the active one may depend on the directory.
cd "$here"
command -v cargo >/dev/null && command -v rustc >/dev/null || die "cargo and rustc not found: install rustup first"
mkdir -p "$dir" || die "cannot create $dir"
exec 9>"$dir/lock"
flock 9 || die "cannot lock $dir/lock"

host_sysroot=$(rustc --print sysroot) || die "the active rustc does not answer"
host_triple=$(rustc -vV | sed -n 's/^host: //p')
has_target() { [ -d "$("$1" --print target-libdir --target "$target" 2>/dev/null || echo /nonexistent)" ]; }

# The key says for which machine state env.sh was written; the same key means that nothing has to be done.
key="format=$format mode=$mode suite=$suite host=$host_sysroot installed=$(has_target rustc && echo yes || echo no)"
if [ -e "$dir/env.sh" ] && [ "$(sed -n 's/^# key: //p' "$dir/env.sh")" = "$key" ]; then
    printf '%s\n' "$dir/env.sh"
    exit 0
fi
rm -f "$dir/env.sh"

write_env() { # write_env RUSTC: env.sh comes last and in one step, so it exists only after everything worked
    local rustc=$1 bin=$host_sysroot/lib/rustlib/$host_triple/bin
    {
        printf '# key: %s\n' "$key"
        printf 'export GUEST_RUSTC=%q RUSTC=%q\n' "$rustc" "$rustc"
        if [ -d "$bin/gcc-ld" ]; then
            printf 'export PATH=%q:%q:"$PATH"\n' "$bin/gcc-ld" "$bin"
            printf 'export CARGO_TARGET_WASM32_WASIP2_LINKER=%q\n' "$bin/wasm-component-ld"
        fi
    } >"$dir/env.sh.part"
    mv "$dir/env.sh.part" "$dir/env.sh"
    say "using $("$rustc" -V)"
    printf '%s\n' "$dir/env.sh"
}

if [ "$mode" != debian ] && has_target rustc; then
    write_env "$(rustup which rustc 2>/dev/null || command -v rustc)"
    exit 0
fi
[ "$mode" != rustup ] || die "the target $target is not installed; run: rustup target add $target"

case $(dpkg --print-architecture 2>/dev/null || true) in
    amd64) loader=usr/lib64/ld-linux-x86-64.so.2 libs=usr/lib/x86_64-linux-gnu ;;
    arm64) loader=usr/lib/ld-linux-aarch64.so.1 libs=usr/lib/aarch64-linux-gnu ;;
    *) die "the target $target is not installed (run: rustup target add $target), and fetching Debian's works on Debian amd64 and arm64 only" ;;
esac
[ -x "$host_sysroot/lib/rustlib/$host_triple/bin/rust-lld" ] \
    || die "rust-lld not found in $host_sysroot: the linker comes from a rustup toolchain"

root=$dir/root
rm -rf "$root"
debian_setup "$dir/apt" "$suite" || die "cannot set up apt for $suite"
mapfile -t packages < <(debian_closure rustc libstd-rust-dev libstd-rust-dev-wasm32)
[ ${#packages[@]} -gt 5 ] || die "cannot resolve what rustc of $suite needs: ${packages[*]}"
debian_unpack "$dir/apt" "$root" "${packages[@]}" || die "cannot fetch Debian's rustc"

# Merged-/usr: packages may carry the loader under lib64/ or under usr/lib64/.
[ -e "$root/$loader" ] || loader=${loader#usr/}
[ -e "$root/$loader" ] || die "no dynamic loader in Debian's libc6"
library_path=$root/$libs
for llvm in "$root"/usr/lib/llvm-*/lib; do
    [ ! -d "$llvm" ] || library_path=$library_path:$llvm
done
# LD_LIBRARY_PATH would leak into every program that cargo starts; the loader's own option does not.
cat >"$dir/rustc.part" <<WRAPPER
#!/bin/sh
exec '$root/$loader' --library-path '$library_path' '$root/usr/bin/rustc' --sysroot '$root/usr' "\$@"
WRAPPER
chmod +x "$dir/rustc.part"
mv "$dir/rustc.part" "$dir/rustc"
"$dir/rustc" -V >/dev/null || die "the unpacked rustc does not start"
has_target "$dir/rustc" || die "the unpacked rustc has no std for $target"
write_env "$dir/rustc"
