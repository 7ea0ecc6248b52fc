#!/bin/sh
# copy, compared with skopeo in the same run: an image of several platforms from one docker-registry to another on
# loopback.
# sh benches/copy.sh [PLATFORMS MB ROUNDS]
#
# In each round, by each program, in turns:
#   cold        into a repository that has nothing of it, by programs that remember nothing: workson's store and skopeo's
#               blob-info-cache are new. All bytes are sent.
#   remembered  into another repository of the same registry, by programs that remember the copy before: blobs are taken
#               over.
#   again       into the same repository: nothing is new.
#   pull        all of it into an image layout on disk.
# Told are the rounds, then the median (least-most) of each ratio: skopeo's time by workson's, but for `again`, which is
# the share of skopeo's time; and the most memory that workson had, in KiB.
set -eu
cd "$(dirname "$0")/.."
platforms="${1:-8}"
megabytes="${2:-20}"
rounds="${3:-5}"
workson="${WORKSON:-}"
if [ -z "$workson" ]; then
    cargo build --release --quiet --locked
    workson=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/workson
fi
work="$(mktemp -d)"
one='' two=''
trap 'kill $one $two 2>/dev/null; rm -rf "$work"' EXIT

registry() {
    mkdir "$work/$1"
    cat >"$work/$1.yml" <<EOF
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/$1}, cache: {blobdescriptor: inmemory}}
http: {addr: 127.0.0.1:0}
EOF
    docker-registry serve "$work/$1.yml" >"$work/$1.log" 2>&1 &
}
address() {
    until sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' "$work/$1.log" | grep -m 1 .; do sleep 0.1; done
}
# The log says the address at this level only.
export REGISTRY_LOG_LEVEL=info
registry one
one=$!
registry two
two=$!
from="$(address one)"
to="$(address two)"

python3 - "$work/layout" "$platforms" "$megabytes" <<'EOF'
import gzip, hashlib, io, json, os, sys, tarfile
layout, platforms, megabytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(layout + '/blobs/sha256')
def put(data, kind):
    digest = hashlib.sha256(data).hexdigest()
    with open(f'{layout}/blobs/sha256/{digest}', 'wb') as file:
        file.write(data)
    return {'mediaType': 'application/vnd.oci.image.' + kind, 'digest': 'sha256:' + digest, 'size': len(data)}
entries = []
for architecture in ['amd64', 'arm64', '386', 'ppc64le', 's390x', 'riscv64', 'mips64le', 'loong64'][:platforms]:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w') as archive:
        info = tarfile.TarInfo('data')
        info.size = megabytes << 20
        archive.addfile(info, io.BytesIO(os.urandom(info.size)))
    packed = gzip.compress(tar.getvalue(), 1, mtime=0)
    config = {'os': 'linux', 'architecture': architecture, 'config': {'Cmd': ['/data']},
              'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(tar.getvalue()).hexdigest()]}}
    manifest = {'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
                'config': put(json.dumps(config).encode(), 'config.v1+json'),
                'layers': [put(packed, 'layer.v1.tar+gzip')]}
    entry = put(json.dumps(manifest).encode(), 'manifest.v1+json')
    entry['platform'] = {'os': 'linux', 'architecture': architecture}
    entries.append(entry)
index = put(json.dumps({'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.index.v1+json',
                        'manifests': entries}).encode(), 'index.v1+json')
json.dump({'schemaVersion': 2, 'manifests': [index]}, open(layout + '/index.json', 'w'))
json.dump({'imageLayoutVersion': '1.0.0'}, open(layout + '/oci-layout', 'w'))
EOF
# As root, skopeo remembers blobs in /var/lib, unless it takes itself for somebody's without root.
export _CONTAINERS_ROOTLESS_UID=1000
forget() { rm -rf "$work/data" "$work"/store.db*; mkdir "$work/data"; export XDG_DATA_HOME="$work/data"; }
forget
skopeo copy --quiet --all --dest-tls-verify=false "oci:$work/layout" "docker://$from/app:1"

timed() {
    begun="$(date +%s.%N)"
    "$@" >/dev/null
    last="$(echo "$(date +%s.%N) $begun" | awk '{ printf "%.3f", $1 - $2 }')"
}
by_skopeo() { skopeo copy --quiet --all --src-tls-verify=false --dest-tls-verify=false "docker://$from/app:1" "$1"; }
measured() { /usr/bin/time -q -a -f %M -o "$work/kib" "$workson" --quiet --store "$work/store.db" "$@"; }
by_workson() { measured copy --all-platforms --no-verify "$from/app:1" "$1"; }
pulled_by_workson() { measured pull --all-platforms "$from/app:1" --to "$1"; }
# compared NAME ROUND SKOPEO'S WORKSON'S: both go, the one first in one round, the other one in the next.
compared() {
    by=by_workson
    case $4 in oci:*) by=pulled_by_workson ;; esac
    if [ $(($2 % 2)) -eq 1 ]; then
        timed by_skopeo "$3"; s=$last
        timed $by "$4"; w=$last
    else
        timed $by "$4"; w=$last
        timed by_skopeo "$3"; s=$last
    fi
    if [ "$1" = again ]; then r="$(echo "$w $s" | awk '{ printf "%.2f", $1 / $2 }')"
    else r="$(echo "$s $w" | awk '{ printf "%.2f", $1 / $2 }')"; fi
    echo "$r" >>"$work/$1.ratio"
    printf '%s: skopeo %s s, workson %s s, %s; ' "$1" "$s" "$w" "$r"
}
for round in $(seq "$rounds"); do
    forget
    compared cold "$round" "docker://$to/skopeo/r$round:1" "$to/workson/r$round:1"
    compared remembered "$round" "docker://$to/skopeo/s$round:1" "$to/workson/s$round:1"
    compared again "$round" "docker://$to/skopeo/s$round:1" "$to/workson/s$round:1"
    compared pull "$round" "oci:$work/s$round" "oci:$work/w$round"
    echo
    rm -rf "$work/s$round" "$work/w$round"
done
for name in cold remembered again pull; do
    sort -n "$work/$name.ratio" | awk -v name="$name" '{ n[NR] = $1 }
        END { printf "%-12s%s (%s-%s)\n", name ":", n[int((NR + 1) / 2)], n[1], n[NR] }'
done
echo "workson, at most: $(sort -n "$work/kib" | tail -n 1) KiB"
