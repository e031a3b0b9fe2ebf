#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three nodes on one network segment that are told of nobody find each other by multicast.
#   mdns_test.sh PROGRAM
set -euo pipefail
program=$1
# shellcheck source=tests/e2e/nodes.sh
. "$(dirname "$0")/nodes.sh"
make_space m
# Multicast does not go over loopback.
ip -n "$space" link add segment type veth peer name far
ip -n "$space" addr add 10.9.0.1/24 dev segment
ip -n "$space" link set far up
ip -n "$space" link set segment up
for number in 1 2 3; do
  start "$space" "$number" < <(printf '[wavs.p2p.local]\nlisten_port = 400%s\n' "$number")
done
for number in 1 2 3; do
  ask "$space" "$number" 's["connected_peers"] == 2' >/dev/null
done
echo "mdns: each of three nodes has both others"
