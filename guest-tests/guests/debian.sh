# shellcheck shell=bash
# Debian packages without root and without installing them: a private apt state per suite, packages
# are downloaded, checked against the archive's signature by apt itself, and unpacked into a directory.
#
# Sourced by toolchain.sh and ../programs/build.sh. Every function says what failed and returns non-zero.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# The mirror: $DEBIAN_MIRROR, or the one that this machine's apt uses for its own Debian. Works before any `apt update`.
debian_mirror() {
    if [ -n "${DEBIAN_MIRROR:-}" ]; then
        printf '%s\n' "${DEBIAN_MIRROR%/}"
        return
    fi
    command -v apt-get >/dev/null || { say "apt-get not found: this needs a Debian machine"; return 1; }
    local mirror
    mirror=$(apt-get update --print-uris 2>/dev/null \
        | sed -nE "s#^'([^']*)/dists/(bookworm|trixie|forky|sid|stable|testing|unstable)/InRelease' .*#\1#p" | head -n 1)
    [ -n "$mirror" ] || { say "no Debian mirror in this machine's apt configuration; set DEBIAN_MIRROR"; return 1; }
    printf '%s\n' "$mirror"
}

# debian_setup STATE SUITE: a private apt state for SUITE with its lists fetched. Sets DEBIAN_APT to the options.
debian_setup() {
    local state=$1 suite=$2 mirror keyring='' k
    mirror=$(debian_mirror) || return 1
    for k in "${DEBIAN_KEYRING:-}" /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
        if [ -n "$k" ] && [ -r "$k" ]; then keyring=$k; break; fi
    done
    [ -n "$keyring" ] || { say "no Debian archive keyring found (package debian-archive-keyring, or set DEBIAN_KEYRING)"; return 1; }
    mkdir -p "$state/sources" "$state/lists/partial" "$state/cache/archives/partial" || return 1
    printf 'Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
        "$mirror" "$suite" "$keyring" >"$state/sources/debian.sources"
    # `#clear`: hooks of the machine's own apt have no business with a private state.
    cat >"$state/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$state/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$state";
Dir::State::Lists "$state/lists";
Dir::State::status "/dev/null";
Dir::Cache "$state/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    DEBIAN_APT=(-c "$state/apt.conf" -qq)
    # Lists older than half a day may name packages that the mirror no longer has.
    if [ -z "$(find "$state/updated" -mmin -720 2>/dev/null)" ]; then
        say "fetching the package lists of Debian $suite"
        apt-get "${DEBIAN_APT[@]}" update >"$state/update.log" 2>&1 && ! grep -q '^[EW]: ' "$state/update.log" \
            || { cat "$state/update.log" >&2; say "apt-get update failed for suite $suite at $mirror"; return 1; }
        touch "$state/updated"
    fi
}

# debian_closure PACKAGE...: the packages and the shared libraries that they need (not compilers, not -dev packages).
debian_closure() {
    local -A seen=()
    local -a queue=("$@")
    local package dependency
    while [ ${#queue[@]} -gt 0 ]; do
        package=${queue[0]}
        queue=("${queue[@]:1}")
        [ -z "${seen[$package]:-}" ] || continue
        seen[$package]=1
        printf '%s\n' "$package"
        while read -r dependency; do
            case $dependency in
                *-dev | *-dev-* | *-bin | *-data) ;;
                lib* | zlib1g) queue+=("$dependency") ;;
            esac
        done < <(apt-cache "${DEBIAN_APT[@]}" depends --no-recommends --no-suggests --no-conflicts --no-breaks \
            --no-replaces --no-enhances "$package" | sed -n 's/^ *|*\(Pre\)*Depends: \([a-z0-9][^ :]*\)$/\2/p')
    done
}

# debian_unpack STATE ROOT PACKAGE...: downloads the packages and unpacks them into ROOT, but for what is there to be
# read. Where that fails, nothing of it stays: the usual cause is a full disk.
debian_unpack() {
    local state=$1 root=$2 deb
    shift 2
    rm -rf "$state/debs"
    mkdir -p "$state/debs" "$root" || return 1
    say "fetching $# packages"
    (cd "$state/debs" && apt-get "${DEBIAN_APT[@]}" download "$@" >"$state/download.log" 2>&1) \
        || { cat "$state/download.log" >&2; rm -rf "$state/debs"; say "apt-get download failed for: $*"; return 1; }
    for deb in "$state/debs"/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" \
            | tar -x -C "$root" --exclude=./usr/share/{doc,info,lintian,locale,man} \
            || { say "cannot unpack ${deb##*/}"; rm -rf "$root" "$state/debs"; return 1; }
        rm "$deb"
    done
    rmdir "$state/debs"
}

# debian_source STATE DIR PACKAGE: the source package, unpacked and with Debian's patches, in DIR/PACKAGE.
debian_source() {
    local state=$1 dir=$2 package=$3
    [ ! -e "$dir/$package" ] || return 0
    command -v dpkg-source >/dev/null || { say "dpkg-source not found (package dpkg-dev)"; return 1; }
    rm -rf "$dir/$package.part"
    mkdir -p "$dir/$package.part" || return 1
    say "fetching the source package $package"
    (cd "$dir/$package.part" && apt-get "${DEBIAN_APT[@]}" source "$package" >"$state/source.log" 2>&1) \
        || { cat "$state/source.log" >&2; say "apt-get source failed for $package"; return 1; }
    mv "$dir/$package.part"/*/ "$dir/$package" && rm -rf "$dir/$package.part"
}
