#!/bin/sh
# Installs, from Debian's (or Ubuntu's) packages, the real parts that the tests run and what builds the crates.
# With everything there already it does nothing, and needs no rights.
set -eu
# Where Debian has debootstrap, and not everybody looks.
PATH="$PATH:/usr/sbin:/sbin"

# program:package
programs='
    cc:gcc
    c++:g++
    docker-registry:docker-registry
    skopeo:skopeo
    htpasswd:apache2-utils
    openssl:openssl
    git:git
    tar:tar
    gzip:gzip
    sha512sum:coreutils
    unshare:util-linux
    x86_64-linux-gnu-gcc:gcc-x86-64-linux-gnu
    aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
    arm-linux-gnueabihf-gcc:gcc-arm-linux-gnueabihf
    arm-linux-gnueabi-gcc:gcc-arm-linux-gnueabi
    riscv64-linux-gnu-gcc:gcc-riscv64-linux-gnu
    i686-linux-gnu-gcc:gcc-i686-linux-gnu
    powerpc64le-linux-gnu-gcc:gcc-powerpc64le-linux-gnu
    s390x-linux-gnu-gcc:gcc-s390x-linux-gnu
    musl-gcc:musl-tools
    qemu-aarch64-static:qemu-user-static
    debootstrap:debootstrap
    fakeroot:fakeroot
    gpgv:gpgv
    gpg:gpg
    gpgconf:gpgconf
    gpg-agent:gpg-agent
    chromium:chromium
    node:nodejs
    npm:npm
    java:default-jre-headless
    curl:curl
    nginx:nginx
    systemd-analyze:systemd
'
packages=''
for pair in $programs; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || packages="$packages ${pair#*:}"
done
# SQLite is compiled in, which takes the C library's headers.
[ -e /usr/include/stdio.h ] || packages="$packages libc6-dev"
# The C libraries that the cross compilers link with.
for pair in aarch64-linux-gnu:arm64 arm-linux-gnueabihf:armhf arm-linux-gnueabi:armel riscv64-linux-gnu:riscv64 \
    i686-linux-gnu:i386 powerpc64le-linux-gnu:ppc64el s390x-linux-gnu:s390x; do
    [ -e "/usr/${pair%%:*}/include/stdio.h" ] || packages="$packages libc6-dev-${pair#*:}-cross"
done
# What reads feeds, calendars and metrics, other than what wrote them.
for pair in feedparser:python3-feedparser icalendar:python3-icalendar prometheus_client:python3-prometheus-client; do
    /usr/bin/python3 -c "import ${pair%%:*}" 2>/dev/null || packages="$packages ${pair#*:}"
done
/usr/bin/python3 -c 'import venv, ensurepip' 2>/dev/null || packages="$packages python3-venv"
[ -e /etc/ssl/certs/ca-certificates.crt ] || packages="$packages ca-certificates"

if [ -n "$packages" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "install.sh: there is no apt-get here; install what Debian packages as:$packages" >&2
        exit 1
    fi
    as_root=''
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "install.sh: run it as root, or install sudo; these packages are missing:$packages" >&2
            exit 1
        fi
        as_root='sudo'
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update
    # The list of packages is meant to be split into words.
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages
fi
sh "$(dirname "$0")/debian-root.sh" >/dev/null
# What drives the browser, and the checkers of pages. What they would run when they are installed is not needed.
browser="$(dirname "$0")/browser"
if ! cmp -s "$browser/package-lock.json" "$browser/node_modules/.installed"; then
    (cd "$browser" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp "$browser/package-lock.json" "$browser/node_modules/.installed"
fi
# What asks the service as its OpenAPI document says.
schemathesis="$(dirname "$0")/schemathesis"
if ! cmp -s "$schemathesis/requirements.txt" "$schemathesis/venv/.installed"; then
    /usr/bin/python3 -m venv --clear "$schemathesis/venv"
    "$schemathesis/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --requirement "$schemathesis/requirements.txt"
    cp "$schemathesis/requirements.txt" "$schemathesis/venv/.installed"
fi
echo 'install.sh: all that the tests need is there'
