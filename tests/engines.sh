#!/bin/sh
# Installs, from Debian's packages, the engines that the suite on real data runs images with. With them there already
# it does nothing, and needs no rights. The engines themselves need root.
set -eu

packages=''
for pair in podman:podman buildah:buildah runc:runc dockerd:docker.io docker:docker.io; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || packages="$packages ${pair#*:}"
done
if [ -z "$packages" ]; then
    echo 'engines.sh: the engines are there'
    exit 0
fi
as_root=''
[ "$(id -u)" -eq 0 ] || as_root='sudo'
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update
# The list of packages is meant to be split into words.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages
