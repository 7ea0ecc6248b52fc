#!/bin/sh
# Compares an import of the official images' history with git reading the same:
#
#   sh benches/import.sh REPO [ROUNDS]
#
# REPO is a clone of docker-library/official-images (or a bundle, which is cloned first). git's part is
# `git log --first-parent --raw -- library` and `git cat-file --batch` of the files it names; workson's is the
# import into an empty store. They take turns, round by round; of the rounds, the median is told, and the least
# and the most. Then come an import with nothing new, and questions to what comes with the program.
set -eu
cd "$(dirname "$0")/.."

[ $# -ge 1 ] || { echo 'import.sh: name a clone of docker-library/official-images' >&2; exit 1; }
rounds=${2:-7}
for program in git hyperfine sort awk; do
    command -v "$program" >/dev/null 2>&1 || { echo "import.sh: $program is missing" >&2; exit 1; }
done
[ -x /usr/bin/time ] || { echo 'import.sh: /usr/bin/time is missing (Debian: time)' >&2; exit 1; }

cargo build --release --locked --quiet
workson=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/workson

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export HOME="$work"
if [ -d "$1" ]; then
    repository=$(cd "$1" && pwd)
else
    git -c init.defaultBranch=master clone --quiet --bare "$1" "$work/clone"
    repository=$work/clone
fi

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

with_git() {
    git -C "$repository" log --first-parent --raw --no-abbrev --format=%H -- library >"$work/log"
    git -C "$repository" cat-file --batch <"$work/files" >/dev/null
}

with_workson() {
    rm -f "$work"/store.db*
    /usr/bin/time -f %M -o "$work/memory" "$workson" --quiet --store "$work/store.db" \
        import official-images "$repository" >"$work/said"
}

median() { sort -n "$1" | awk '{ n[NR] = $1 } END { printf "%s (%s-%s)", n[int((NR + 1) / 2)], n[1], n[NR] }'; }

# What git is asked to read: every version of every file, each once.
git -C "$repository" log --first-parent --raw --no-abbrev --format= -- library |
    awk '$5 != "D" { print $4 }' | sort -u >"$work/files"

round=0
while [ "$round" -lt "$rounds" ]; do
    begin=$(milliseconds); with_git; middle=$(milliseconds); with_workson; end=$(milliseconds)
    echo $((middle - begin)) >>"$work/git"
    echo $((end - middle)) >>"$work/workson"
    awk -v g=$((middle - begin)) -v w=$((end - middle)) 'BEGIN { printf "%.2f\n", w / g }' >>"$work/ratio"
    cat "$work/memory" >>"$work/kib"
    round=$((round + 1))
done
cat "$work/said"
echo "files git reads: $(wc -l <"$work/files")"
echo "git, ms:         $(median "$work/git")"
echo "workson, ms:     $(median "$work/workson")"
echo "ratio:           $(median "$work/ratio")"
echo "workson, KiB:    $(median "$work/kib")"
echo "store, bytes:    $(wc -c <"$work/store.db")"

hyperfine --style basic --warmup 2 --shell=none \
    "$workson --store $work/store.db import official-images $repository" \
    "$workson --store $work/none.db report" \
    "$workson --store $work/none.db check nginx" 2>/dev/null | grep -E 'Benchmark|Time|Range'
before=$(wc -c <"$work/store.db")
"$workson" --quiet --store "$work/store.db" import official-images "$repository" >/dev/null
echo "the same history again adds $(($(wc -c <"$work/store.db") - before)) bytes"
