#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# First 100 random schedules of faults of five operators (src/aggregator/tests/quorum_schedules_test.cpp, simulated,
# 5 minutes), 200 of a node on a chain (tests/e2e/fault_schedules_test.cpp, 15 minutes), 200 events of 3, 5 and 10
# operators with 1 s and 12 s between blocks (tests/e2e/operators_test.cpp, 10 minutes), and a hostile peer for 5
# minutes (tests/e2e/hostile_peer_test.cpp). Then load for 20 minutes with a look every 10 seconds at what the node
# holds: memory, descriptors and files must stay as they are. Prints one JSON object per line, the verdict last, and
# nothing else on standard output; fails, naming it, when an event had not exactly one result or something grew.
# docs/bench.md says what is done and how it is judged.
#   WAVS_SOAK_SEEDS        1-200, of the schedules; empty: none
#   WAVS_SOAK_SECONDS      1200
#   WAVS_SOAK_RATE         manual events a second, 720
#   WAVS_SOAK_CHAIN_RATE   contract events a second, 10
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
seeds=${WAVS_SOAK_SEEDS-1-200}
if [ -n "$seeds" ]; then
  scripts/setup.sh test >&2
  scripts/step.sh "configure (check)" cmake --preset check >&2
  scripts/step.sh "compile (check)" cmake --build --preset check --target wavs_e2e_tests wavs_aggregator_tests >&2
  echo "==> schedules of several operators" >&2
  WAVS_QUORUM_LONG=1 build/check/bin/wavs_aggregator_tests --gtest_filter='*Seeds*:*Fleets*' >&2
  echo "==> schedules of faults, seeds $seeds" >&2
  WAVS_SEEDS=$seeds WAVS_NODE=$PWD/build/check/bin/wavs \
    build/check/bin/wavs_e2e_tests --gtest_filter='*.random_faults_lose_and_repeat_nothing' >&2
  for fleet in "3 200 1" "5 200 1" "10 200 1" "3 200 12" "5 200 12" "10 200 12"; do
    echo "==> operators, events, seconds between blocks: $fleet" >&2
    WAVS_FLEET=$fleet WAVS_NODE=$PWD/build/check/bin/wavs \
      build/check/bin/wavs_e2e_tests --gtest_filter='*.each_event_of_a_fleet_costs_one_transaction' >&2
  done
  echo "==> hostile peer" >&2
  scripts/rust.sh cargo build --release --locked -p wavs-p2p --example hostile >&2
  WAVS_QUORUM_LONG=1 WAVS_HOSTILE_PEER="$(scripts/rust.sh --print-dir)/release/examples/hostile" \
    ASAN_OPTIONS=quarantine_size_mb=16:malloc_context_size=5 WAVS_NODE=$PWD/build/check/bin/wavs \
    build/check/bin/wavs_e2e_tests --gtest_filter='HostilePeer.*' >&2
fi
scripts/setup.sh bench >&2
scripts/step.sh "configure (bench)" cmake --preset bench >&2
scripts/step.sh "compile (bench)" cmake --build --preset bench --target wavs_node_bench >&2
echo "==> soak for ${WAVS_SOAK_SECONDS:-1200} s" >&2
exec build/bench/bin/wavs_node_bench soak
