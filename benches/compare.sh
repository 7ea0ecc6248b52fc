#!/bin/sh
# Compares workson with other tools on Debian's docker-registry, on loopback:
#
#   sh benches/compare.sh [ROUNDS]
#
# (a) manifest requests a second: an inventory of 10,000 references (cold, repeated) and a query of them, against
#     wrk asking for the same manifests in turn;
# (b) the manifests of 200 images: one workson, against skopeo inspect --raw by xargs -P8;
# (c) one index: workson query, against curl.
#
# The tools take turns, round by round; of the rounds, the median is told, and the least and the most. A
# comparison whose tool is not installed is left out. Everything is in a new folder under TMPDIR, on a free
# loopback port, and gone at the end.
set -eu
cd "$(dirname "$0")/.."

rounds=${1:-5}
images=200
tags=50
seconds=4
index_type='application/vnd.oci.image.index.v1+json'
manifest_type='application/vnd.oci.image.manifest.v1+json'
docker='application/vnd.docker.distribution'
accept="$index_type, $manifest_type, $docker.manifest.list.v2+json, $docker.manifest.v2+json"

has() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s\n' "$*"; }
fail() {
    say "compare.sh: $*" >&2
    exit 1
}

case $rounds in '' | *[!0-9]* | 0) fail "how many rounds? $rounds is no number above 0" ;; esac
for program in curl docker-registry sha256sum; do
    has "$program" || fail "$program is missing (sh tests/install.sh installs what the tests need; curl is Debian's package curl)"
done
case $(date +%N) in *[!0-9]* | '') fail 'the clock is wanted in nanoseconds: GNU date' ;; esac

say 'building workson'
cargo build --release --locked --quiet
workson=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/workson
[ -x "$workson" ] || fail "cargo built no $workson"

work=$(mktemp -d)
registry=''
cleanup() {
    if [ -n "$registry" ]; then
        kill "$registry" 2>/dev/null || true
        wait "$registry" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What the user's own configuration says is not to be measured.
HOME=$work/home
XDG_RUNTIME_DIR=$work/home
export HOME XDG_RUNTIME_DIR
mkdir "$HOME"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY XDG_CONFIG_HOME XDG_DATA_HOME \
    DOCKER_CONFIG REGISTRY_AUTH_FILE WORKSON_CONFIG WORKSON_STORE

# ---- the registry ------------------------------------------------------------------------------------------

# Starts it on a port that may be taken: then it ends at once, and another one is tried.
start_registry() {
    host=127.0.0.1:$1
    cat >"$work/registry.yml" <<CONFIG
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/storage}, cache: {blobdescriptor: inmemory}}
http: {addr: $host, secret: of this comparison}
CONFIG
    docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
    registry=$!
    waited=0
    while [ "$waited" -lt 100 ]; do
        sleep 0.05
        if ! kill -0 "$registry" 2>/dev/null; then
            registry=''
            return 1
        fi
        if curl -sf -o /dev/null "http://$host/v2/"; then
            # Was it this one that answered, or one that has had the port before?
            sleep 0.2
            kill -0 "$registry" 2>/dev/null && return 0
            registry=''
            return 1
        fi
        waited=$((waited + 1))
    done
    fail "docker-registry does not answer: $(cat "$work/registry.log")"
}

port=$((20000 + $$ % 20000))
attempts=0
until start_registry "$port"; do
    attempts=$((attempts + 1))
    [ "$attempts" -lt 20 ] || fail "docker-registry does not start: $(cat "$work/registry.log")"
    port=$((port + 97))
done

digest_of() { printf 'sha256:%s' "$(sha256sum <"$1" | cut -d' ' -f1)"; }
size_of() { wc -c <"$1" | tr -d ' '; }

# Pushes a blob to the first repository; the others mount it from there.
push_blob() {
    location=$(curl -sSf -o /dev/null -D - -X POST "http://$host/v2/bench/image-000/blobs/uploads/" |
        tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    case $location in *\?*) location="$location&" ;; *) location="$location?" ;; esac
    curl -sSf -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$1" \
        "${location}digest=$(digest_of "$1")"
}

# Appends one request to the list of them that one curl sends.
request() {
    {
        [ -z "$next" ] || say "$next"
        next=next
        printf 'url = "http://%s%s"\nrequest = "%s"\n' "$host" "$2" "$1"
        [ -z "${3:-}" ] || printf 'header = "Content-Type: %s"\ndata-binary = "@%s"\n' "$3" "$4"
        printf 'silent\nshow-error\nfail\noutput = "/dev/null"\n'
    } >>"$work/requests"
}

say "pushing $images images, each an index of two platforms with $tags tags"
printf 'a layer' >"$work/layer"
push_blob "$work/layer"
layer="{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"$(digest_of "$work/layer")\",\"size\":7}"
entries=''
for architecture in amd64 arm64; do
    file=$work/$architecture
    printf '{"architecture":"%s","os":"linux","rootfs":{"type":"layers","diff_ids":["%s"]}}' \
        "$architecture" "$(digest_of "$work/layer")" >"$file.config"
    push_blob "$file.config"
    printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s","digest":"%s","size":%s},"layers":[%s]}' \
        "$manifest_type" application/vnd.oci.image.config.v1+json "$(digest_of "$file.config")" \
        "$(size_of "$file.config")" "$layer" >"$file.manifest"
    entry="{\"mediaType\":\"$manifest_type\",\"digest\":\"$(digest_of "$file.manifest")\",\"size\":$(size_of "$file.manifest")"
    entries="$entries${entries:+,}$entry,\"platform\":{\"architecture\":\"$architecture\",\"os\":\"linux\"}}"
done
: >"$work/list"
: >"$work/images"
next=''
number=0
while [ "$number" -lt "$images" ]; do
    name=bench/image-$(printf %03d "$number")
    for blob in "$work/layer" "$work/amd64.config" "$work/arm64.config"; do
        [ "$number" -eq 0 ] || request POST "/v2/$name/blobs/uploads/?mount=$(digest_of "$blob")&from=bench/image-000"
    done
    for architecture in amd64 arm64; do
        manifest=$work/$architecture.manifest
        request PUT "/v2/$name/manifests/$(digest_of "$manifest")" "$manifest_type" "$manifest"
    done
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s],"annotations":{"name":"%s"}}' \
        "$index_type" "$entries" "$name" >"$work/index-$number"
    tag=0
    while [ "$tag" -lt "$tags" ]; do
        request PUT "/v2/$name/manifests/1.$tag" "$index_type" "$work/index-$number"
        say "$host/$name:1.$tag" >>"$work/list"
        tag=$((tag + 1))
    done
    say "$host/$name:1.0" >>"$work/images"
    number=$((number + 1))
done
curl -K "$work/requests" || fail 'docker-registry does not take the images'
total=$((images * tags))

# ---- measuring ---------------------------------------------------------------------------------------------

now() { date +%s%N; }

# The time in seconds that a command takes.
seconds_of() {
    begun=$(now)
    "$@" >"$work/out" 2>"$work/err" || fail "$* ended with $?: $(tail -n 3 "$work/err")"
    ended=$(now)
    awk -v ns="$((ended - begun))" 'BEGIN { printf "%.6f\n", ns / 1e9 }'
}

# Divides what stands in two files, line by line.
divided() { paste "$1" "$2" | awk '{ printf "%.6f\n", $1 / $2 }'; }

# Median, least and most of the lines of a file, with so many digits and a unit.
line() {
    sort -n "$work/$2" | awk -v what="$1" -v digits="$3" -v unit="$4" '
        { value[NR] = $1 }
        END {
            form = "%." digits "f"
            middle = NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2
            printf "  %-46s " form " (" form "–" form ")%s\n", what, middle, value[1], value[NR], unit
        }'
}

# Requests a second: so many requests, by the times in a file.
rates() { awk -v requests="$1" '{ printf "%.3f\n", requests / $1 }' "$work/$2" >"$work/$3"; }

inventory() { "$workson" inventory --quiet --store "$1" "$work/list"; }
query() { xargs -x -s 1000000 -n "$total" "$workson" query --jsonl <"$1"; }
skopeo_all() { xargs -P8 -I{} skopeo inspect --raw --tls-verify=false 'docker://{}' <"$work/images"; }
wrk_once() {
    wrk "-t$1" -c32 "-d${seconds}s" -s "$work/in-turn.lua" "http://$host" >"$work/wrk"
    ! grep -q Non-2xx "$work/wrk" || fail "wrk got failures: $(cat "$work/wrk")"
    sed -n 's/^Requests\/sec: *//p' "$work/wrk"
}
wrk_best() {
    wrk_once 1 >"$work/rate"
    wrk_once 2 >>"$work/rate"
    sort -n "$work/rate" | tail -n 1
}

say
say "$("$workson" --version); $(docker-registry --version | head -n 1); $rounds rounds; median (least–most)"
say

if has wrk; then
    cat >"$work/in-turn.lua" <<LUA
local requests, at = {}, 0
function init()
  for number = 0, $total - 1 do
    local path = string.format("/v2/bench/image-%03d/manifests/1.%d", math.floor(number / $tags), number % $tags)
    requests[number] = wrk.format("GET", path, { ["Accept"] = "$accept" })
  end
end
function request()
  at = (at + 1) % $total
  return requests[at]
end
LUA
    # Warm: files into the page cache, the registry's own cache of descriptors.
    wrk_once 1 >/dev/null
    query "$work/list" >/dev/null
    round=0
    while [ "$round" -lt "$rounds" ]; do
        wrk_best >>"$work/wrk.rates"
        seconds_of query "$work/list" >>"$work/query.s"
        seconds_of inventory "$work/$round.db" >>"$work/cold.s"
        seconds_of inventory "$work/$round.db" >>"$work/repeated.s"
        round=$((round + 1))
    done
    rates "$total" query.s query.rates
    rates "$((total + images))" cold.s cold.rates
    rates "$total" repeated.s repeated.rates
    for what in query cold repeated; do divided "$work/$what.rates" "$work/wrk.rates" >"$work/$what.ratio"; done
    say "(a) manifest requests a second, $total references to $images images, 32 at once (asked: 0.9 of wrk's)"
    line 'wrk: GET, the better of -t1 and -t2' wrk.rates 0 ''
    line "workson query --jsonl: $total GET" query.rates 0 ''
    line "workson inventory, cold: $total HEAD + $images GET" cold.rates 0 ''
    line "workson inventory, repeated: $total HEAD" repeated.rates 0 ''
    line 'query : wrk' query.ratio 3 ''
    line 'inventory, cold : wrk' cold.ratio 3 ''
    line 'inventory, repeated : wrk' repeated.ratio 3 ''
    say '    wrk waits for the body that a HEAD promises, so it can only GET; of workson the whole process is measured'
else
    say '(a) is left out: wrk is not installed (Debian: wrk)'
fi
say

if has skopeo; then
    seconds_of skopeo_all >/dev/null
    query "$work/images" >/dev/null
    round=0
    while [ "$round" -lt "$rounds" ]; do
        seconds_of query "$work/images" >>"$work/ours.s"
        seconds_of skopeo_all >>"$work/skopeo.s"
        round=$((round + 1))
    done
    divided "$work/skopeo.s" "$work/ours.s" >"$work/times"
    say "(b) the manifests of $images images, whole processes (asked: 8 times as fast); $(skopeo --version)"
    line "workson query --jsonl, one process" ours.s 3 ' s'
    line 'skopeo inspect --raw, xargs -P8' skopeo.s 3 ' s'
    line 'times as fast' times 1 ''
else
    say '(b) is left out: skopeo is not installed (Debian: skopeo)'
fi
say

one=$(head -n 1 "$work/images")
url=http://$host/v2/bench/image-000/manifests/1.0
say "(c) one query of one index, the whole process (asked: no more time than curl); $(curl --version | head -n 1 | cut -d' ' -f1-2)"
# The mean time of a process, in seconds.
mean_of() {
    count=0
    begun=$(now)
    while [ "$count" -lt 200 ]; do
        "$@" >/dev/null
        count=$((count + 1))
    done
    ended=$(now)
    awk -v ns="$((ended - begun))" 'BEGIN { printf "%.6f\n", ns / 200e9 }'
}
if has hyperfine; then
    say "    by $(hyperfine --version) -N, 200 processes each in a round"
    # Median of the times, and then of the rounds. The fields of a name with commas are not counted from the left.
    hyperfine_of() {
        hyperfine -N --warmup 20 --runs 200 --style none --export-csv "$work/csv" "$1" >/dev/null 2>&1
        sed -n '2p' "$work/csv" | awk -F, '{ print $(NF - 4) }'
    }
    query_one() { hyperfine_of "$workson query --json $one"; }
    curl_one() { hyperfine_of "curl -s -H 'Accept: $accept' $url"; }
else
    say '    hyperfine is not installed (Debian: hyperfine), so a loop of the shell starts 200 processes each in a round'
    query_one() { mean_of "$workson" query --json "$one"; }
    curl_one() { mean_of curl -s -H "Accept: $accept" "$url"; }
fi
round=0
while [ "$round" -lt "$rounds" ]; do
    query_one | awk '{ print $1 * 1000 }' >>"$work/query.ms"
    curl_one | awk '{ print $1 * 1000 }' >>"$work/curl.ms"
    round=$((round + 1))
done
divided "$work/query.ms" "$work/curl.ms" >"$work/share"
line 'workson query --json' query.ms 2 ' ms'
line 'curl' curl.ms 2 ' ms'
line 'workson : curl' share 2 ''
