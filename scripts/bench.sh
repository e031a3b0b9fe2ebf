#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks of every module that has some and prints one JSON object per line. docs/bench.md keeps the figures.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh bench >&2
mapfile -t modules < <(git ls-files 'src/*/bench/*_bench.cpp' | cut -d/ -f2 | sort -u)
targets=("${modules[@]/#/wavs_}")
targets=("${targets[@]/%/_bench}")
scripts/step.sh "configure (bench)" cmake --preset bench >&2
scripts/step.sh "compile (bench)" cmake --build --preset bench --target "${targets[@]}" >&2
for target in "${targets[@]}"; do
  "build/bench/bin/$target" --benchmark_format=json --benchmark_repetitions=5 \
    --benchmark_report_aggregates_only=true 2>/dev/null |
    node -e '
      const run = JSON.parse(require("fs").readFileSync(0, "utf8"));
      for (const b of run.benchmarks.filter((b) => b.aggregate_name === "median")) {
        console.log(JSON.stringify({ name: b.run_name, unit: b.time_unit, real: b.real_time, cpu: b.cpu_time,
          bytes_per_second: b.bytes_per_second ?? null }));
      }'
done
