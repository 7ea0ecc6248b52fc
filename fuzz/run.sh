#!/bin/sh
# Builds the fuzz targets and runs each for some seconds from its kept corpus. What crashes, takes too long or takes
# too much memory fails this, and is kept in a file that is named. New inputs go to a folder below target/.
#
# sh fuzz/run.sh [SECONDS [TARGET…]]
#
# What is tried follows from SEED (1): the same inputs in the same order, so that a change is to blame for what fails.
set -eu
cd "$(dirname "$0")/.."

seconds="${1:-20}"
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- layer elf pe stack

# What `cargo fuzz` passes, without the sanitizers that stable Rust does not have. The named target keeps it from the
# build scripts and macros.
host="$(rustc -vV | sed -n 's/^host: //p')"
out="${CARGO_TARGET_DIR:-target}/fuzz"
coverage='-Cpasses=sancov-module'
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    coverage="$coverage -Cllvm-args=-sanitizer-coverage-$option"
done
RUSTFLAGS="--cfg fuzzing $coverage" \
    cargo build --manifest-path fuzz/Cargo.toml --release --locked --target "$host" --target-dir "$out"

for name in "$@"; do
    mkdir -p "$out/new/$name" "$out/failed"
    log="$out/$name.log"
    echo "fuzzing $name for $seconds seconds"
    if ! "$out/$host/release/$name" -seed="${SEED:-1}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=256 -max_len=32768 \
        -artifact_prefix="$out/failed/$name-" -print_final_stats=1 \
        "$out/new/$name" "fuzz/corpus/$name" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "fuzz/run.sh: $name failed; the input is named above, and all it said is in $log" >&2
        exit 1
    fi
    grep -E '^#[0-9]+.*DONE' "$log"
done
