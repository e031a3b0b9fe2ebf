#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds RocksDB as a static library, once per user and pinned version.
#   rocksdb.sh              build (prints progress; at once when it is there)
#   rocksdb.sh --print-dir  only print where librocksdb.a and include/ are
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
pinned="$root/third_party/rocksdb"
key=$(cat "$pinned/Cargo.lock" "$pinned/CMakeLists.txt" | sha256sum | cut -c1-16)
out="${XDG_CACHE_HOME:-$HOME/.cache}/wavs/rocksdb-$key"
if [ "${1:-}" = --print-dir ]; then
  echo "$out"
  exit 0
fi
[ ! -f "$out/librocksdb.a" ] || exit 0
export PATH="$HOME/.cargo/bin:$PATH"
mkdir -p "$out"
# Two build trees may want it at a time.
exec 9>"$out/lock"
flock 9
[ ! -f "$out/librocksdb.a" ] || exit 0
echo "rocksdb: first build of this version, about 8 minutes on 2 cores" >&2
source=$(cd "$pinned" && cargo metadata --locked --format-version 1 |
  grep -o '"manifest_path":"[^"]*/librocksdb-sys-[^"]*/Cargo.toml"' | cut -d'"' -f4 | xargs -r dirname)
if [ -z "$source" ]; then
  echo "rocksdb: cargo does not say where the sources of librocksdb-sys are" >&2
  exit 1
fi
cmake -G Ninja -S "$pinned" -B "$out/build" -DROCKSDB_SOURCE="$source" -DCMAKE_CXX_COMPILER=clang++-19 \
  -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
ninja -C "$out/build"
mkdir -p "$out/include"
cp -r "$source/rocksdb/include/rocksdb" "$out/include/"
# Last, for it says that all is there.
mv "$out/build/librocksdb.a" "$out/"
rm -rf "$out/build"
