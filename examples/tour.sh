#!/bin/sh
# A tour that needs no network: builds workson, starts a small registry on loopback with images of every kind,
# and asks it what works on Arm. Everything it starts, it stops; everything it writes goes to a folder of its own.
set -eu
cd "$(dirname "$0")/.."

cargo build --release --quiet
cargo build --release --quiet -p workson-registry --features testing --example loopback-registry
target="${CARGO_TARGET_DIR:-target}/release"

folder=$(mktemp -d)
"$target/examples/loopback-registry" --listen 127.0.0.1:0 --tour --write-list "$folder/images.txt" \
    >"$folder/registry.log" &
registry=$!
trap 'kill $registry 2>/dev/null || true; rm -rf "$folder"' EXIT
# A signal ends the shell without its EXIT trap, unless it is made an exit; PIPE comes of `tour.sh | head`.
trap 'exit 1' HUP INT PIPE TERM

# The registry says where it listens when it is ready.
tries=0
until grep -q '^listening on ' "$folder/registry.log"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "the loopback registry did not start" >&2; exit 1; }
    sleep 0.1
done
host=$(sed -n 's/^listening on //p' "$folder/registry.log")

# Exit code 2 is an answer here: some of the tour's images are meant to be impossible to tell.
show() {
    printf '\n$ workson %s\n' "$*"
    "$target/workson" --store "$folder/store.db" "$@" || printf '(exit code %s)\n' "$?"
}

show query "$host/library/many-platforms"
show resolve "$host/library/many-platforms" --platform linux/arm/v6 --explain
show resolve "$host/library/many-tags:1.0.0" --platform linux/arm64
show query "$host/library/many-tags" --tags '2.*'
show inventory "$folder/images.txt"
show inventory "$folder/images.txt" --quiet
show inventory runs

printf '\nWith a network, the same for the official images: %s inventory official --top 20\n' "$target/workson"
