#!/bin/sh
# What the service does under load, with client, server and registry on the same processors:
#
#   sh benches/service.sh [SECONDS [REQUESTS]]
#
# - a live query that is kept: requests a second (wrk, 64 connections), and the 99th percentile at 10,000 a second (h2load);
# - 1,000 readers of pages at 2,000 requests a second: the 99th percentile before, and while an inventory of 20,000 images is made;
# - memory as it goes, until REQUESTS (1,000,000) of everything mixed: every page, badge and document of the site, live queries of
#   2,000 images, suggestions. The site is that of the official images, as it comes with workson.
#
# Each part runs SECONDS (10). The log is written as it is by default, a line for each request, to a file.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-10}
requests=${2:-1000000}
for program in wrk h2load curl sort awk; do
    command -v "$program" >/dev/null 2>&1 ||
        { echo "service.sh: $program is missing (Debian: wrk, nghttp2-client)" >&2; exit 1; }
done

target=${TARGET:-}
if [ -z "$target" ]; then
    cargo build --release --locked --quiet
    cargo build --release --locked --quiet -p workson-registry --features testing --example loopback-registry
    target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release
fi

work=$(mktemp -d)
server=''
registry=''
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$registry" ] || kill "$registry" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
export HOME="$work"
ulimit -n "$(ulimit -H -n)"

"$target/examples/loopback-registry" --images 20000 --write-list "$work/list.txt" >"$work/registry" &
registry=$!
until grep -q '^listening on ' "$work/registry"; do sleep 0.1; done
host=$(sed -n 's/^listening on //p' "$work/registry")
head -n 2000 "$work/list.txt" >"$work/some.txt"

start() {
    "$target/workson" --store "$work/store.db" serve --listen 127.0.0.1:0 --no-open --internal "$host" \
        --questions-per-minute 0 --forms-per-hour 0 "$@" >"$work/said" 2>"$work/log" &
    server=$!
    until grep -q '^the site is at ' "$work/said"; do sleep 0.1; done
    site=$(sed -n 's|^the site is at \(.*\)/$|\1|p' "$work/said")
}
stop() {
    kill "$server"
    wait "$server" || true
    server=''
}
resident() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$server/status"; }
# The 99th percentile of what h2load wrote of each request, in milliseconds, and how many were answered well.
p99() { sort -n -k3 "$1" | awk '{ took[NR] = $3; good += $2 == 200 } END { printf "%.2f ms (%d of %d answered)\n", took[int(NR * 0.99 + 0.5)] / 1000, good, NR }'; }

# The allowance of pulls is for public registries; this one has no end of them.
mkdir -p "$work/.config/workson"
printf '[serve.live]\npulls_per_hour = 1000000000\n' >"$work/.config/workson/config.toml"

start
image=$(head -n 1 "$work/list.txt")
query="$site/api/v1/query?image=$image&platform=linux/arm64"
curl -sf "$query" >/dev/null
printf 'a live query that is kept: '
wrk -t1 -c64 -d"${seconds}s" "$query" | awk '/^Requests\/sec/ { print $2 " requests a second" }'
h2load --h1 -c50 -t1 --rps=200 -D"$seconds" --warm-up-time=1 --log-file="$work/half" "$query" >/dev/null
printf 'the same, 10,000 a second, 99th percentile: '
p99 "$work/half"
printf 'a page: '
wrk -t1 -c64 -d"${seconds}s" -H 'accept-encoding: gzip' "$site/entry/nginx/" | awk '/^Requests\/sec/ { print $2 " requests a second" }'
stop

readers() { h2load --h1 -c1000 -t1 --rps=2 -D"$seconds" --warm-up-time=2 --log-file="$1" "$site/" "$site/entry/nginx/" "$site/platforms/" >/dev/null; }
start
readers "$work/alone"
printf '1,000 readers, 99th percentile: '
p99 "$work/alone"
stop
start --inventory "$work/list.txt" --every 1s
sleep 1
readers "$work/beside"
printf 'the same while inventories are made: '
p99 "$work/beside"
curl -sf "$site/metrics" | grep '^workson_inventory_ended' || echo '(no inventory came to its end meanwhile)'
stop

cat >"$work/mixed.lua" <<'LUA'
local images, paths, n = {}, {}, 0
for line in io.lines(os.getenv("LIST")) do images[#images + 1] = line end
for line in io.lines(os.getenv("PAGES")) do paths[#paths + 1] = "/" .. line:gsub("index.html$", "") end
for _, path in ipairs({"/query/", "/stack/", "/suggest/", "/status/", "/nothing/here"}) do paths[#paths + 1] = path end
function request()
    n = n + 1
    if n % 1000 == 0 then
        return wrk.format("POST", "/suggest/", {["content-type"] = "application/x-www-form-urlencoded", ["origin"] = os.getenv("SITE")},
            "name=thing" .. n .. "&comment=missing")
    end
    if n % 3 == 0 then
        return wrk.format("GET", "/api/v1/query?platform=linux/arm64&image=" .. images[math.random(#images)])
    end
    return wrk.format("GET", paths[math.random(#paths)])
end
LUA
# The site of the official images: one of 20,000 more takes what it takes to show them.
rm -f "$work"/store*
"$target/workson" --quiet --store "$work/none.db" site build "$work/site" >/dev/null
start
echo "at the start: $(resident) MiB"
done=0
while [ "$done" -lt "$requests" ]; do
    LIST="$work/some.txt" PAGES="$work/site/.workson-site/files" SITE="$site" wrk -t1 -c32 -d5s -s "$work/mixed.lua" "$site" >"$work/wrk"
    done=$((done + $(awk '/requests in/ { print $1 }' "$work/wrk")))
    echo "after $done requests: $(resident) MiB"
done
stop
