#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Load for 20 minutes with a look every 10 seconds at what the node holds: memory, descriptors and files must stay as they
# are. Prints one JSON object per line, the verdict last, and nothing else on standard output; fails, naming it, when
# something grew. docs/bench.md says what is done and how it is judged.
#   WAVS_SOAK_SECONDS      1200
#   WAVS_SOAK_RATE         manual events a second, 720
#   WAVS_SOAK_CHAIN_RATE   contract events a second, 10
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh
scripts/setup.sh bench >&2
scripts/step.sh "configure (bench)" cmake --preset bench >&2
scripts/step.sh "compile (bench)" cmake --build --preset bench --target wavs_node_bench >&2
echo "==> soak for ${WAVS_SOAK_SECONDS:-1200} s" >&2
exec build/bench/bin/wavs_node_bench soak
