#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds every libFuzzer target and runs each for FUZZ_SECONDS (60), starting from its committed seeds.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
scripts/setup.sh build
scripts/step.sh "configure (fuzz)" cmake --preset fuzz
mapfile -t sources < <(git ls-files 'src/*/fuzz/*_fuzz.cpp')
targets=()
for source in "${sources[@]}"; do targets+=("$(basename "$source" .cpp)"); done
scripts/step.sh "compile (fuzz)" cmake --build --preset fuzz --target "${targets[@]}"
for source in "${sources[@]}"; do
  name=$(basename "$source" .cpp)
  seeds="$(dirname "$source")/corpus/$name"
  work="build/fuzz/corpus/$name"
  mkdir -p "$work"
  echo "==> $name for $seconds s"
  status=0
  "build/fuzz/bin/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/" "$work" "$seeds" >"build/fuzz/$name.log" 2>&1 || status=$?
  grep -E 'stat::number_of_executed_units|ERROR|SUMMARY|Test unit' "build/fuzz/$name.log" || true
  [ "$status" -eq 0 ] || { echo "fuzz: $name found something, see build/fuzz" >&2; exit 1; }
done
echo "fuzz: ok"
