#!/bin/sh
# Compares the site with what others make and serve:
#
#   sh benches/site.sh [ENTRIES [ROUNDS]]
#
# `workson site build` of ENTRIES made-up images (1500; also 10000 is worth looking at) and Debian's hugo, building a
# page, an API document, three feeds and two badges for each platform of each entry from the same data
# (benches/site/made-up.awk), and lists by kind, category and platform. They take turns, round by round (5), from nothing; of the
# rounds, the median is told, and the least and the most, and the time for each file. Where the disk is too slow or too small for
# that (10,000 entries take 2 GB a round), TMPDIR=/dev/shm takes memory for it. Hugo's pages are simpler than workson's: it has no
# pages for comparisons and months. Then come a build with nothing new and one after one change.
#
# `workson serve` and nginx (which has the page compressed beside it, and keeps files open) with wrk: the same page,
# gzip, connections that stay; with 2 and with 32 of them.
set -eu
cd "$(dirname "$0")/.."
# Where Debian has nginx.
PATH="$PATH:/usr/sbin"

entries=${1:-1500}
rounds=${2:-5}
for program in git hugo nginx wrk gzip curl sort awk; do
    command -v "$program" >/dev/null 2>&1 ||
        { echo "site.sh: $program is missing (Debian: hugo, nginx-light, wrk)" >&2; exit 1; }
done
[ -x /usr/bin/time ] || { echo 'site.sh: /usr/bin/time is missing (Debian: time)' >&2; exit 1; }

workson=${WORKSON:-}
if [ -z "$workson" ]; then
    cargo build --release --locked --quiet
    workson=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/workson
fi
made_up=$(pwd)/benches/site

work=$(mktemp -d)
server=''
proxy=''
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$proxy" ] || kill "$proxy" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM
export HOME="$work"

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
median() { sort -n "$1" | awk '{ n[NR] = $1 } END { printf "%s (%s-%s)", n[int((NR + 1) / 2)], n[1], n[NR] }'; }
middle() { sort -n "$1" | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'; }
files() { find "$1" -type f -not -path '*/.workson-site/*' | wc -l; }
bytes() { find "$1" -type f -not -path '*/.workson-site/*' -printf '%s\n' | awk '{ n += $1 } END { print n }'; }

# The same entries as content and as a history of workson's, and as content of hugo's.
mkdir -p "$work/content/entries" "$work/hugo/content/entry"
cp -r "$made_up/hugo/." "$work/hugo/"
awk -v entries="$entries" -v content="$work/content" -v hugo="$work/hugo" \
    -v now="$(($(date +%s) - 3600))" -f "$made_up/made-up.awk" >"$work/stream"
git -c init.defaultBranch=master init --quiet --bare "$work/images.git"
git -C "$work/images.git" fast-import --quiet <"$work/stream"
"$workson" --quiet --store "$work/store.db" import official-images "$work/images.git" >/dev/null

# Each round has a folder of its own: ext4 is slow for half a minute after many files were removed.
with_workson() {
    /usr/bin/time -f %M -o "$work/memory" "$workson" --store "$work/store.db" site build "$work/site-$round" \
        --content "$work/content" --base-url https://site.example >"$work/said"
}

with_hugo() {
    /usr/bin/time -f %M -o "$work/hugo-memory" hugo --quiet --source "$work/hugo" --destination "$work/public-$round" \
        --baseURL https://site.example/ --cacheDir "$work/hugo-cache"
}

round=0
while [ "$round" -lt "$rounds" ]; do
    begin=$(milliseconds); with_workson; turn=$(milliseconds); with_hugo; end=$(milliseconds)
    echo $((turn - begin)) >>"$work/workson-ms"
    echo $((end - turn)) >>"$work/hugo-ms"
    cat "$work/memory" >>"$work/workson-kib"
    cat "$work/hugo-memory" >>"$work/hugo-kib"
    round=$((round + 1))
done
cat "$work/said"
of() { awk -v ms="$(middle "$work/$1-ms")" -v files="$(files "$work/$2")" 'BEGIN { printf "%.1f", 1000 * ms / files }'; }
for one in workson:site-0 hugo:public-0; do
    name=${one%:*}
    folder=${one#*:}
    echo "$name, ms:           $(median "$work/$name-ms")"
    echo "$name, KiB:          $(median "$work/$name-kib")"
    echo "$name, files, bytes: $(files "$work/$folder"), $(bytes "$work/$folder")"
    echo "$name, us a file:    $(of "$name" "$folder")"
done

again() {
    begin=$(milliseconds)
    "$workson" --store "$work/store.db" site build "$work/site-0" --content "$work/content" \
        --base-url https://site.example >"$work/said"
    echo "$1, ms: $(($(milliseconds) - begin)): $(head -1 "$work/said" | sed 's/.*them: //')"
}
again 'nothing new'
sed -i 's/^description: /&Just so, /' "$work/content/entries/made-up-7.yaml"
again 'one change'

# The official images, as they come with workson, served by both.
"$workson" --quiet --store "$work/none.db" site build "$work/served" >/dev/null
page=/entry/nginx/
[ -e "$work/served$page" ] || page=/about/
gzip -6 -k "$work/served${page}index.html"
# As root, nginx would turn into somebody who may not read the folder.
user=$([ "$(id -u)" -ne 0 ] || echo 'user root;')
cat >"$work/nginx.conf" <<END
$user
worker_processes auto;
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    gzip_static on;
    gzip_vary on;
    open_file_cache max=1000 inactive=60s;
    client_body_temp_path $work/body; proxy_temp_path $work/body; fastcgi_temp_path $work/body;
    uwsgi_temp_path $work/body; scgi_temp_path $work/body;
    server { listen 127.0.0.1:18018; root $work/served; }
}
END
nginx -c "$work/nginx.conf" &
proxy=$!
# With the pages of a build; requests are logged by neither.
"$workson" --store "$work/none.db" serve --no-open --no-live --no-forms --log warnings --listen 127.0.0.1:18017 >/dev/null &
server=$!
for port in 18017 18018; do
    curl --silent --fail --retry 20 --retry-connrefused --retry-delay 1 --compressed \
        --output "$work/$port" "http://127.0.0.1:$port$page"
    cmp "$work/$port" "$work/served${page}index.html"
done
per_second() {
    wrk -t1 -c"$2" -d3s -H 'Accept-Encoding: gzip' "http://127.0.0.1:$1$page" |
        awk '/Non-2xx/ { bad = 1 } /Requests\/sec/ { n = $2 } END { print bad ? 0 : n }'
}
for connections in 2 32; do
    rm -f "$work"/rate-*
    round=0
    while [ "$round" -lt "$rounds" ]; do
        ours=$(per_second 18017 "$connections")
        theirs=$(per_second 18018 "$connections")
        echo "$ours" >>"$work/rate-workson"
        echo "$theirs" >>"$work/rate-nginx"
        awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f\n", a / b }' >>"$work/rate-ratio"
        round=$((round + 1))
    done
    echo "$page, $connections connections, requests a second: workson $(median "$work/rate-workson"), nginx $(median "$work/rate-nginx"), ratio $(median "$work/rate-ratio")"
done
