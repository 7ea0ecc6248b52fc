#!/bin/sh
# Makes the container image of workson, for linux/amd64 and linux/arm64, by workson itself.
#
#   sh deploy/image/build.sh --to oci:DIR[:NAME]        into an OCI layout
#   sh deploy/image/build.sh --push REGISTRY/NAME:TAG   to a registry
#
#   --amd64 FILE, --arm64 FILE   take this program instead of building it: a static one, or one whose libraries come by --root
#   --root DIR                   put what is in DIR into both roots as well
#   --certificates FILE          the certificate authorities [default: those of this system]
#   --workson FILE               assemble by this program [default: workson, else what is built from here]
#
# What is not given is built by cargo: static programs, linked with musl. That takes Rust's targets
#
#   rustup target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl
#
# and, for SQLite and the linking, C compilers for both; on Debian musl-tools for one's own machine, and for the other one
# musl.cc's aarch64-linux-musl-gcc (or x86_64-linux-musl-gcc). CC_… and CARGO_TARGET_…_LINKER name others.
#
# The same programs and certificates give the same image, on any machine. SOURCE_DATE_EPOCH says when it was made.
set -eu
umask 022
# Names are sorted by their bytes.
export LC_ALL=C

fail() {
    echo "build.sh: $1" >&2
    exit 2
}

here="$(cd "$(dirname "$0")" && pwd)"
source="$(cd "$here/../.." && pwd)"
amd64='' arm64='' root='' to='' push='' certificates=/etc/ssl/certs/ca-certificates.crt workson=''
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || fail "$1 needs a value"
    case "$1" in
        --amd64) amd64="$2" ;;
        --arm64) arm64="$2" ;;
        --root) root="$2" ;;
        --certificates) certificates="$2" ;;
        --workson) workson="$2" ;;
        --to) to="$2" ;;
        --push) push="$2" ;;
        *) fail "there is no option $1; the first lines of this file say which there are" ;;
    esac
    shift 2
done
[ -n "$to$push" ] || fail 'say where to: --to oci:DIR or --push REGISTRY/NAME:TAG'
tar --version 2>/dev/null | grep -q 'GNU tar' || fail 'this takes GNU tar, which can say whose the files are'
[ -r "$certificates" ] || fail "$certificates: no certificate authorities are there; name others with --certificates"

# build TARGET LINKER: prints where the program is.
build() {
    variable="$(echo "$1" | tr 'a-z-' 'A-Z_')"
    linker="$(printenv "CARGO_TARGET_${variable}_LINKER" || echo "$2")"
    compiler="$(printenv "CC_$(echo "$1" | tr - _)" || echo "$linker")"
    for program in "$linker" "$compiler"; do
        command -v "$program" >/dev/null 2>&1 ||
            fail "$program is not there, which links for $1; name another one in CARGO_TARGET_${variable}_LINKER and CC_$(echo "$1" | tr - _)"
    done
    (cd "$source" && env "CARGO_TARGET_${variable}_LINKER=$linker" "CC_$(echo "$1" | tr - _)=$compiler" \
        cargo build --release --locked --bin workson --target "$1" >&2) ||
        fail "building for $1 failed; \`rustup target add $1\` brings the standard library for it"
    echo "${CARGO_TARGET_DIR:-$source/target}/$1/release/workson"
}

machine="$(uname -m)"
if [ -z "$amd64" ]; then
    linker=x86_64-linux-musl-gcc
    [ "$machine" != x86_64 ] || linker=musl-gcc
    amd64="$(build x86_64-unknown-linux-musl "$linker")"
fi
if [ -z "$arm64" ]; then
    linker=aarch64-linux-musl-gcc
    [ "$machine" != aarch64 ] || linker=musl-gcc
    arm64="$(build aarch64-unknown-linux-musl "$linker")"
fi
for program in "$amd64" "$arm64"; do
    [ -f "$program" ] || fail "$program: there is no such file"
done

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

# lay_out NAME PROGRAM: the root of a platform, as NAME.tar.
lay_out() {
    folder="$work/$1"
    mkdir -p "$folder/usr/bin" "$folder/etc/ssl/certs" "$folder/var/lib" "$folder/tmp" "$work/own/var/lib/workson"
    [ -z "$root" ] || cp -R -P "$root/." "$folder/"
    cp "$2" "$folder/usr/bin/workson"
    cp "$certificates" "$folder/etc/ssl/certs/ca-certificates.crt"
    echo 'workson:x:65532:65532:workson:/var/lib/workson:/sbin/nologin' >"$folder/etc/passwd"
    echo 'workson:x:65532:' >"$folder/etc/group"
    find "$folder" -type d -exec chmod 755 {} +
    find "$folder/etc" -type f -exec chmod 644 {} +
    chmod 755 "$folder/usr/bin/workson"
    chmod 1777 "$folder/tmp"
    chmod 700 "$work/own/var/lib/workson"
    tar="$folder.tar"
    set -- --format=ustar --sort=name --numeric-owner "--mtime=@${SOURCE_DATE_EPOCH:-0}"
    # All is root's, but the folder that workson writes to.
    (cd "$folder" && tar "$@" --owner=0 --group=0 -cf "$tar" -- *)
    (cd "$work/own" && tar "$@" --owner=65532 --group=65532 -rf "$tar" var/lib/workson)
}
lay_out amd64 "$amd64"
lay_out arm64 "$arm64"
cp "$here/recipe.yaml" "$work/recipe.yaml"

if [ -z "$workson" ]; then
    if command -v workson >/dev/null 2>&1; then
        workson=workson
    else
        (cd "$source" && cargo build --release --locked --bin workson >&2) || fail 'workson could not be built'
        workson="${CARGO_TARGET_DIR:-$source/target}/release/workson"
    fi
fi
set --
[ -z "$to" ] || set -- "$@" --to "$to"
[ -z "$push" ] || set -- "$@" --push "$push"
"$workson" assemble "$work/recipe.yaml" "$@"
