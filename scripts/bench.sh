#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs benchmarks and prints one JSON object per line, nothing else, on standard output. docs/bench.md says what each
# name counts and keeps the figures.
#   bench.sh                  all
#   bench.sh pipeline idle    those; `micro` are the benchmarks of single functions (src/*/bench)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
node_names=(pipeline http_trigger latency_idle posting idle cron_idle restart catch_up services_200 engine_hot engine_scaling kv guest_native hostile_neighbours quorum_3 quorum_10 verify queues_10000)
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=("${node_names[@]}" micro)
node=()
micro=()
for name in "${wanted[@]}"; do
  if [ "$name" = micro ]; then
    mapfile -t micro < <(git ls-files 'src/*/bench/*_bench.cpp' | cut -d/ -f2 | sort -u | sed 's/.*/wavs_&_bench/')
  elif [[ " ${node_names[*]} " == *" $name "* ]]; then
    node+=("$name")
  else
    echo "bench.sh: unknown name '$name'; known: ${node_names[*]} micro" >&2
    exit 2
  fi
done
targets=("${micro[@]}")
[ ${#node[@]} -eq 0 ] || targets+=(wavs_node_bench)
scripts/setup.sh bench >&2
scripts/step.sh "configure (bench)" cmake --preset bench >&2
scripts/step.sh "compile (bench)" cmake --build --preset bench --target "${targets[@]}" >&2

if [ ${#node[@]} -gt 0 ]; then
  echo "==> the node (${node[*]})" >&2
  build/bench/bin/wavs_node_bench "${node[@]}"
fi
for target in "${micro[@]}"; do
  "build/bench/bin/$target" --benchmark_format=json --benchmark_repetitions=5 \
    --benchmark_report_aggregates_only=true 2>/dev/null |
    node -e '
      const run = JSON.parse(require("fs").readFileSync(0, "utf8"));
      for (const b of run.benchmarks.filter((b) => b.aggregate_name === "median")) {
        console.log(JSON.stringify({ name: b.run_name, unit: b.time_unit, real: b.real_time, cpu: b.cpu_time,
          bytes_per_second: b.bytes_per_second ?? null }));
      }'
done
