# SPDX-License-Identifier: Apache-2.0
# Nodes in network namespaces, for tests of what they find there. To be sourced, with the node's program in `program`.
# A script that sources it ends with 77, and says why, where namespaces cannot be had; all it made is gone in the end.
# shellcheck shell=bash
skip() { echo "skipped: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
command -v ip >/dev/null || skip "no ip (package iproute2)"
command -v python3 >/dev/null || skip "no python3"
work=$(mktemp -d)
pids=()
spaces=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for space in "${spaces[@]}"; do ip netns del "$space" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

# make_space NAME: a namespace with loopback only; its full name in `space`.
make_space() {
  space=wavs${$}$1
  ip netns add "$space" 2>/dev/null || skip "network namespaces are not allowed here"
  spaces+=("$space")
  ip -n "$space" link set lo up
}
# start SPACE NUMBER: a node, with the tables for its peers from standard input.
start() {
  local folder="$work/$2"
  mkdir -p "$folder"
  {
    cat <<TOML
[wavs]
data = "$folder/data"
port = 800$2
signing_mnemonic = "test test test test test test test test test test test junk"
TOML
    cat
  } >"$folder/wavs.toml"
  # shellcheck disable=SC2154 # Of the script that sources this.
  ip netns exec "$1" "$program" --home "$folder" >"$folder/log" 2>&1 &
  pids+=($!)
}
# ask SPACE NUMBER EXPRESSION: prints its value, over the status `s` of the node, as soon as it is true; a minute at most.
ask() {
  ip netns exec "$1" python3 - "$2" "$3" <<'PY' || { tail -n 20 "$work"/*/log >&2; exit 1; }
import json, sys, time, urllib.request
number, expression = sys.argv[1:]
s = None
for _ in range(300):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:800{number}/p2p/status", timeout=5) as reply:
            s = json.load(reply)
        value = eval(expression, {"s": s})
        if value:
            print(value)
            sys.exit(0)
    except OSError:
        pass
    time.sleep(0.2)
sys.exit(f"node {number}: not {expression}: {json.dumps(s)}")
PY
}
