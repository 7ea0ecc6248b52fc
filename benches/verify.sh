#!/bin/sh
# Compares the verification of a layer with tools that only unpack it:
#
#   sh benches/verify.sh [FOLDER [MEGABYTES [ROUNDS]]]
#
# The layer is a tar file of what lies in FOLDER (/usr), up to some MEGABYTES (300): as gzip -6, as gzip of several
# members, and as zstd -3. workson verifies an image of that one layer, with digest and diffID, and whatever it takes
# to start, open its store and judge; the tools are `gzip -dc | tar t`, `igzip -dc` and `zstd -dc`, into nothing.
# They take turns, round by round; of the rounds, the median is told, and the least and the most, and the ratio of
# the speeds, by rounds: more than 1 where workson is faster. At last, an image of the layer twice, both read at once.
set -eu
cd "$(dirname "$0")/.."

folder=${1:-/usr}
megabytes=${2:-300}
rounds=${3:-9}
for program in gzip igzip zstd tar sha256sum sort awk; do
    command -v "$program" >/dev/null 2>&1 || { echo "verify.sh: $program is missing (Debian: isal, zstd)" >&2; exit 1; }
done
[ -x /usr/bin/time ] || { echo 'verify.sh: /usr/bin/time is missing (Debian: time)' >&2; exit 1; }

workson=${WORKSON:-}
if [ -z "$workson" ]; then
    cargo build --release --locked --quiet
    workson=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/workson
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export HOME="$work"

# Every so many-th file, so that all kinds of them are among it.
find "$folder" -xdev \( -type f -o -type l \) -size -30M -printf '%s %P\n' 2>/dev/null | sort -k2 >"$work/all"
awk -v most="$megabytes" '
    NR == FNR { all += $1 + 1024; next }
    { step = most * 1000000 / all; owed += step; if (owed >= 1) { owed -= 1; sub(/^[0-9]+ /, ""); print } }
    BEGIN { owed = 0 }' "$work/all" "$work/all" >"$work/list"
[ "$(wc -l <"$work/list")" -gt 0 ] || cut -d' ' -f2- "$work/all" >"$work/list"
tar -C "$folder" -cf "$work/tar" --no-recursion --verbatim-files-from -T "$work/list" 2>/dev/null || [ $? -eq 1 ]
gzip -6 -c "$work/tar" >"$work/gzip"
split -b 20M "$work/tar" "$work/part."
for part in "$work"/part.*; do gzip -6 -c "$part"; done >"$work/members"
rm "$work"/part.*
zstd -q -3 -c "$work/tar" >"$work/zstd"

sum() { sha256sum "$1" | cut -d' ' -f1; }
size() { wc -c <"$1" | tr -d ' '; }
diff_id=sha256:$(sum "$work/tar")

# put LAYOUT FILE: puts it among the blobs, and writes what describes it.
put() {
    digest=$(sum "$2")
    [ -e "$1/blobs/sha256/$digest" ] || cp "$2" "$1/blobs/sha256/$digest"
    printf '"digest":"sha256:%s","size":%s' "$digest" "$(size "$2")"
}

# layout NAME KIND FILE COUNT: an image of the layer, so many times, for linux/amd64.
layout() {
    at=$work/$1
    mkdir -p "$at/blobs/sha256"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$at/oci-layout"
    layer="{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+$2\",$(put "$at" "$3")}"
    layers=$layer diff_ids=\"$diff_id\" left=$4
    while [ "$left" -gt 1 ]; do layers=$layers,$layer diff_ids=$diff_ids,\"$diff_id\" left=$((left - 1)); done
    printf '{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/bin/true"]},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "$diff_ids" >"$work/config"
    config="{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",$(put "$at" "$work/config")}"
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' \
        "$config" "$layers" >"$work/manifest"
    manifest="\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",$(put "$at" "$work/manifest")"
    printf '{"schemaVersion":2,"manifests":[{%s,"platform":{"architecture":"amd64","os":"linux"}}]}' \
        "$manifest" >"$at/index.json"
}
layout oci-gzip gzip "$work/gzip" 1
layout oci-members gzip "$work/members" 1
layout oci-zstd zstd "$work/zstd" 1
layout oci-twice gzip "$work/gzip" 2

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
median() { sort -n "$1" | awk '{ n[NR] = $1 } END { printf "%s (%s-%s)", n[int((NR + 1) / 2)], n[1], n[NR] }'; }

# verify LAYOUT NAME: what the verdict is does not matter, that the layer was read does.
verify() {
    /usr/bin/time -q -f %M -o "$work/memory" "$workson" --quiet --store "$work/store.db" \
        verify "oci:$work/$1" --again -p linux/amd64 >"$work/said" 2>&1 || [ $? -le 2 ]
    tail -n 1 "$work/memory" >>"$work/$2.kib"
    ! grep -q "can't be unpacked\|could not be read\|has the digest\|have the digest" "$work/said" ||
        { cat "$work/said" >&2; exit 1; }
}
gzip_tar() { gzip -dc "$work/$1" | tar t >/dev/null; }
igzip_only() { igzip -dc "$work/$1" >/dev/null; }
zstd_only() { zstd -q -dc "$work/$1" >/dev/null; }

# timed NAME COMMAND…: how long it takes, in ms.
timed() {
    name=$1; shift
    begin=$(milliseconds); "$@"; end=$(milliseconds)
    echo $((end - begin)) >>"$work/$name.ms"
    last=$((end - begin))
}
ratio() { awk -v tool="$1" -v own="$2" 'BEGIN { printf "%.2f\n", tool / own }' >>"$work/$3.ratio"; }

echo "layer: $(wc -l <"$work/list" | tr -d ' ') files, $(size "$work/tar") bytes; gzip $(size "$work/gzip"), zstd $(size "$work/zstd")"
verify oci-gzip warm
round=0
while [ "$round" -lt "$rounds" ]; do
    timed gzip-tar gzip_tar gzip; slow=$last
    timed workson-gzip verify oci-gzip gzip; own=$last
    timed igzip igzip_only gzip; ratio "$slow" "$own" gzip-tar; ratio "$last" "$own" igzip
    timed workson-members verify oci-members members; own=$last
    timed igzip-members igzip_only members; ratio "$last" "$own" igzip-members
    timed workson-zstd verify oci-zstd zstd; own=$last
    timed zstd zstd_only zstd; ratio "$last" "$own" zstd
    timed workson-twice verify oci-twice twice
    round=$((round + 1))
done

for name in gzip-tar igzip workson-gzip igzip-members workson-members zstd workson-zstd workson-twice; do
    printf '%-28s %s\n' "$name, ms:" "$(median "$work/$name.ms")"
done
printf '%-28s %s\n' 'of gzip -dc | tar t:' "$(median "$work/gzip-tar.ratio")"
printf '%-28s %s\n' 'of igzip -dc:' "$(median "$work/igzip.ratio")"
printf '%-28s %s\n' 'of igzip -dc, members:' "$(median "$work/igzip-members.ratio")"
printf '%-28s %s\n' 'of zstd -dc:' "$(median "$work/zstd.ratio")"
for name in gzip members zstd twice; do
    printf '%-28s %s\n' "workson, $name, KiB:" "$(median "$work/$name.kib")"
done
