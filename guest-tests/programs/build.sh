#!/usr/bin/env bash
# Builds real programs for wasm32-wasip1, to run over the filesystem by hand and in benchmarks. No test needs them.
#
#   build.sh NAME...     of: speedtest1 postmark ripgrep coreutils; `all` for all of them
#
#   speedtest1   SQLite's own benchmark, from Debian's source package (needs tclsh, make and cc)     1 minute
#   postmark     a mail server's file operations, from Debian's source package                       seconds
#   ripgrep      from crates.io, with the newest rustc of Debian sid                                 minutes
#   coreutils    cp, ls, mv, rm, sort, ... of uutils, from crates.io, likewise                       many minutes
#
# PROGRAMS_DIR        where NAME.wasm goes (default: <repo>/target/programs)
# PROGRAMS_WORK_DIR   sources, compilers and objects (default: <repo>/target/programs-work; 2 GB for all)
# DEBIAN_MIRROR       the mirror, if not the one that this machine's apt uses
#
# Nothing is installed and no root is needed. What a program needs in patches stands below, with the reason.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../guests/debian.sh
. "$here/../guests/debian.sh"
out=$(realpath -m "${PROGRAMS_DIR:-$here/../../target/programs}")
work=$(realpath -m "${PROGRAMS_WORK_DIR:-$here/../../target/programs-work}")
mkdir -p "$out" "$work" || die "cannot create $out and $work"

need() { command -v "$1" >/dev/null || die "$1 not found (package $2)"; }

# clang, its linker and libc for wasm, as a command $work/wasm-cc. Bookworm's, which runs on every later glibc.
wasm_cc() {
    [ ! -x "$work/wasm-cc" ] || return 0
    local root=$work/clang packages package libs
    debian_setup "$work/apt-bookworm" bookworm || die "cannot set up apt for bookworm"
    packages=()
    while read -r package; do
        # The machine's own C and C++ libraries must stay in charge.
        case $package in libc6 | libgcc-s1 | libstdc++6) ;; *) packages+=("$package") ;; esac
    done < <(debian_closure clang-19 lld-19 libclang-common-19-dev wasi-libc libclang-rt-19-dev-wasm32)
    rm -rf "$root"
    debian_unpack "$work/apt-bookworm" "$root" "${packages[@]}" || die "cannot fetch clang"
    libs=$(dirname "$(find "$root/usr/lib" -name 'libLLVM*.so*' -not -path '*/llvm-*' | head -n 1)")
    # The target is called wasm32-wasi here: for wasm32-wasip1 clang 19 looks elsewhere for its builtins.
    cat >"$work/wasm-cc.part" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH='$libs:$root/usr/lib/llvm-19/lib' PATH='$root/usr/bin:$root/usr/lib/llvm-19/bin':"\$PATH" \\
    exec '$root/usr/bin/clang-19' --target=wasm32-wasi '--sysroot=$root/usr' "\$@"
WRAPPER
    chmod +x "$work/wasm-cc.part"
    mv "$work/wasm-cc.part" "$work/wasm-cc"
}

# C libraries of what WASI has not, in emulated form.
EMULATED=(
    -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_PROCESS_CLOCKS
    -lwasi-emulated-getpid -lwasi-emulated-signal -lwasi-emulated-mman -lwasi-emulated-process-clocks
)

speedtest1() {
    need tclsh tcl && need make make && need cc gcc
    wasm_cc
    # trixie's: bookworm's 3.40 does not compile for WASI.
    debian_setup "$work/apt-trixie" trixie || die "cannot set up apt for trixie"
    debian_source "$work/apt-trixie" "$work" sqlite3 || die "no source of sqlite3"
    (
        cd "$work/sqlite3"
        [ -e Makefile ] || ./configure --disable-tcl --disable-readline >"$work/sqlite3.log" 2>&1 \
            || { tail -n 20 "$work/sqlite3.log" >&2; die "configure of sqlite3 failed"; }
        make sqlite3.c >>"$work/sqlite3.log" 2>&1 \
            || { tail -n 20 "$work/sqlite3.log" >&2; die "make sqlite3.c failed"; }
        # WASI has no fchmod, and SQLite leaves a null pointer in its table of system calls for it; but robust_open()
        # calls it for every new temporary file, whose mode WASI always reports as 0.
        sed -i 's|^\( *\)osFchmod(fd, m);|\1(void)m; /* no fchmod on WASI */|' sqlite3.c
        grep -q 'no fchmod on WASI' sqlite3.c || die "the patch of robust_open() does not fit this sqlite3"
        "$work/wasm-cc" -O2 -DNDEBUG \
            -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_NOHAVE_SYSTEM -DSQLITE_OMIT_POPEN \
            -I. test/speedtest1.c sqlite3.c "${EMULATED[@]}" -o "$out/speedtest1.wasm"
    ) || die "speedtest1 does not build"
}

postmark() {
    wasm_cc
    debian_setup "$work/apt-bookworm" bookworm || die "cannot set up apt for bookworm"
    debian_source "$work/apt-bookworm" "$work" postmark || die "no source of postmark"
    # WASI has no processes, and libc no getwd.
    cat >"$work/postmark/wasi-stubs.c" <<'STUBS'
#include <unistd.h>
char *getwd(char *buffer) { return getcwd(buffer, 4096); }
int system(const char *command) { (void)command; return -1; }
STUBS
    (
        cd "$work/postmark"
        "$work/wasm-cc" -O2 -w -std=gnu89 postmark-*.c wasi-stubs.c "${EMULATED[@]}" -o "$out/postmark.wasm"
    ) || die "postmark does not build"
}

# crate NAME VERSION BINARY CARGO-ARGUMENT...: a binary of a crate from crates.io.
crate() {
    local name=$1 version=$2 binary=$3 environment
    shift 3
    environment=$(GUEST_TOOLCHAIN=debian GUEST_TOOLCHAIN_SUITE=sid GUEST_TOOLCHAIN_DIR=$work/rust \
        "$here/../guests/toolchain.sh") || die "no rustc of sid"
    (
        # shellcheck disable=SC1090
        . "$environment"
        cd "$work"
        unset CARGO_TARGET_DIR
        # Nobody debugs these, and ripgrep's symbols are three quarters of it.
        export CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_DEBUG=0
        cargo install "$name" --version "$version" --locked --quiet --force --no-track \
            --target wasm32-wasip1 --target-dir "$work/$name-target" --root "$work/$name-root" "$@"
    ) || die "$name does not build"
    install -m 644 "$work/$name-root/bin/$binary.wasm" "$out/$name.wasm"
}

ripgrep() { crate ripgrep 15.2.0 rg; }

# feat_wasm is the set of utilities that compile for WASI.
coreutils() { crate coreutils 0.12.0 coreutils --no-default-features --features feat_wasm; }

[ $# -gt 0 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$*" != all ] || set -- speedtest1 postmark ripgrep coreutils
for name; do
    case $name in
        speedtest1 | postmark | ripgrep | coreutils) ;;
        *) die "no program $name" ;;
    esac
done
for name; do
    say "building $name"
    "$name"
    chmod 644 "$out/$name.wasm"
    say "$out/$name.wasm: $(wc -c <"$out/$name.wasm") bytes"
done
