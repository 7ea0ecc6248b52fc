#!/bin/sh
# Makes a root file system of this Debian (or Ubuntu) for arm64 with debootstrap, and prints where it is: a gzipped tar file in the
# user's cache. It is made once, takes about half a minute, and needs no rights.
#
# Its packages are unpacked and nothing of theirs has run, so it has no cache of libraries. Devices are left out (only root can unpack
# them), and documentation, translations and lists of packages, as in the images of Debian that are called slim.
set -eu
# Where Debian has debootstrap, and not everybody looks.
PATH="$PATH:/usr/sbin:/sbin"
export PATH

. /etc/os-release
folder="${XDG_CACHE_HOME:-$HOME/.cache}/workson-tests"
file="$folder/$ID-$VERSION_CODENAME-arm64.tar.gz"
if [ -e "$file" ]; then
    echo "$file"
    exit 0
fi

mkdir -p "$folder"
work="$(mktemp -d "$folder/.making.XXXXXX")"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# debootstrap downloads by itself, and by the proxy that apt has.
eval "$(apt-config shell proxy Acquire::http::Proxy)"
[ -z "${proxy:-}" ] || export http_proxy="$proxy"

# From this mirror, or from debootstrap's own: Ubuntu has arm64 elsewhere than amd64.
make() {
    rm -rf "$work/root"
    # shellcheck disable=SC2016
    fakeroot sh -c '
        work="$1"
        suite="$2"
        shift 2
        debootstrap --arch=arm64 --foreign --variant=minbase "$suite" "$work/root" "$@" &&
            tar --create --file "$work/root.tar" --directory "$work/root" --sort=name --numeric-owner \
                --exclude="./dev/*" --exclude=./debootstrap --exclude="./var/cache/*" --exclude="./var/lib/apt/*" \
                --exclude="./usr/share/doc/*" --exclude="./usr/share/man/*" --exclude="./usr/share/locale/*" .
    ' sh "$work" "$VERSION_CODENAME" "$@" >>"$work/log" 2>&1
}
mirror="$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    sed -n "s|^\(https\{0,1\}://[^ ]*\) $VERSION_CODENAME main\$|\1|p" | head -n 1)"
if ! { [ -n "$mirror" ] && make "$mirror"; } && ! make; then
    cat "$work/log" >&2
    echo "debian-root.sh: debootstrap made no root file system of $VERSION_CODENAME for arm64" >&2
    exit 1
fi
gzip -6 --no-name "$work/root.tar"
mv "$work/root.tar.gz" "$file"
echo "$file"
