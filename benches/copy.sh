#!/bin/sh
# copy, compared with skopeo in the same run: an image of several platforms from one docker-registry to another on
# loopback, into a repository that has nothing of it yet, then into the one that has it all.
# sh benches/copy.sh [PLATFORMS MB ROUNDS]
set -eu
cd "$(dirname "$0")/.."
platforms="${1:-8}"
megabytes="${2:-20}"
rounds="${3:-5}"
cargo build --release --quiet --locked
workson="$PWD/target/release/workson"
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
skopeo copy --quiet --all --dest-tls-verify=false "oci:$work/layout" "docker://$from/app:1"

timed() {
    begun="$(date +%s.%N)"
    "$@" >/dev/null
    echo "$(date +%s.%N) $begun" | awk '{ printf "%.3f", $1 - $2 }'
}
by_skopeo() { skopeo copy --quiet --all --src-tls-verify=false --dest-tls-verify=false "docker://$from/app:1" "$1"; }
by_workson() { "$workson" copy --quiet --store "$work/store.db" --no-verify "$from/app:1" "$1"; }
pulled_by_workson() { "$workson" pull --quiet --store "$work/store.db" --all-platforms "$from/app:1" --to "$1"; }
ratio() { echo "$1 $2" | awk '{ printf "%.2f", $1 / $2 }'; }
for round in $(seq "$rounds"); do
    s="$(timed by_skopeo "docker://$to/skopeo/r$round:1")"
    w="$(timed by_workson "$to/workson/r$round:1")"
    sa="$(timed by_skopeo "docker://$to/skopeo/r$round:1")"
    wa="$(timed by_workson "$to/workson/r$round:1")"
    sp="$(timed by_skopeo "oci:$work/s$round")"
    wp="$(timed pulled_by_workson "oci:$work/w$round")"
    rm -rf "$work/s$round" "$work/w$round"
    echo "copy: skopeo $s s, workson $w s, ratio $(ratio "$s" "$w"); again: skopeo $sa s, workson $wa s," \
        "workson/skopeo $(ratio "$wa" "$sa"); pull: skopeo $sp s, workson $wp s, ratio $(ratio "$sp" "$wp")"
done
