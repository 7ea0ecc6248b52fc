#!/bin/sh
# Installs what the tests need (Debian's packages) and runs them all.
set -eu
cd "$(dirname "$0")/.."

sh tests/install.sh
cargo fmt --all --check
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
cargo test --workspace --all-features --locked
