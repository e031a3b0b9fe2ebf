#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Rust static library and the guest build helper, once per user and lock file.
#   rust.sh               build (prints progress; seconds when nothing changed)
#   rust.sh --print-dir   only print the target directory
#   rust.sh cargo ARGS    run cargo with that target directory
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
key=$(cat "$root/rust/Cargo.lock" "$root/rust/rust-toolchain.toml" | sha256sum | cut -c1-16)
export CARGO_TARGET_DIR="${XDG_CACHE_HOME:-$HOME/.cache}/wavs/rust-$key"
export PATH="$HOME/.cargo/bin:$PATH"
case "${1:-}" in
  --print-dir) echo "$CARGO_TARGET_DIR"; exit 0 ;;
  cargo) shift; cd "$root/rust"; exec cargo "$@" ;;
esac
cd "$root/rust"
if [ ! -f "$CARGO_TARGET_DIR/release/libwavs_rt.a" ]; then
  echo "rust: first build of the engine library for this lock file, about 8 minutes on 2 cores" >&2
fi
exec cargo build --release --locked
