#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds every libFuzzer target and runs each for FUZZ_SECONDS (60), starting from its committed seeds. FUZZ_ONLY=rust
# takes those of rust/fuzz alone.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
mkdir -p build/fuzz
scripts/setup.sh build

# run NAME PROGRAM SEEDS
run() {
  local name=$1 work="build/fuzz/corpus/$1" status=0
  mkdir -p "$work"
  echo "==> $name for $seconds s"
  "$2" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/" "$work" "$3" >"build/fuzz/$name.log" 2>&1 || status=$?
  grep -E 'stat::number_of_executed_units|ERROR|SUMMARY|Test unit|panicked' "build/fuzz/$name.log" || true
  [ "$status" -eq 0 ] || { echo "fuzz: $name found something, see build/fuzz" >&2; exit 1; }
}

if [ "${FUZZ_ONLY:-}" != rust ]; then
  scripts/step.sh "configure (fuzz)" cmake --preset fuzz
  mapfile -t sources < <(git ls-files 'src/*/fuzz/*_fuzz.cpp')
  targets=()
  for source in "${sources[@]}"; do targets+=("$(basename "$source" .cpp)"); done
  scripts/step.sh "compile (fuzz)" cmake --build --preset fuzz --target "${targets[@]}"
  for source in "${sources[@]}"; do
    name=$(basename "$source" .cpp)
    run "$name" "build/fuzz/bin/$name" "$(dirname "$source")/corpus/$name"
  done
fi

# What the nightly compiler calls a sanitizer, with the passes named one by one. With a target, even though it is the
# host's, the flags stay away from build scripts, which have no fuzzer to call.
host=$(cd rust && PATH="$HOME/.cargo/bin:$PATH" rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" scripts/step.sh "compile (fuzz, Rust)" \
  scripts/rust.sh cargo build --release --locked --manifest-path fuzz/Cargo.toml \
  --target "$host" --target-dir "$PWD/build/fuzz/rust"
for source in rust/fuzz/targets/*_fuzz.rs; do
  name=$(basename "$source" .rs)
  run "$name" "build/fuzz/rust/$host/release/$name" "rust/fuzz/corpus/$name"
done
echo "fuzz: ok"
