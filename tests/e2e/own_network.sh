#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command in a network namespace of its own, with nothing in it but loopback: there a test may cut connections
# (`ip rule ... blackhole`), and the machine's own network stays as it is. The local addresses come after such rules,
# not before them as usual. Exits with 77, and says why, where namespaces cannot be had.
#   own_network.sh COMMAND...
set -euo pipefail
skip() { echo "skipped: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
command -v ip >/dev/null || skip "no ip (package iproute2)"
unshare --net true 2>/dev/null || skip "network namespaces are not allowed here"
# shellcheck disable=SC2016 # Expanded inside.
exec unshare --net bash -c '
  set -e
  ip link set lo up
  ip rule add pref 100 lookup local 2>/dev/null || { echo "skipped: no routing rules here"; exit 77; }
  ip rule del pref 0
  export WAVS_OWN_NETWORK=1
  exec "$@"' own_network "$@"
