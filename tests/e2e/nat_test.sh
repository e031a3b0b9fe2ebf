#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A node behind NAT among its peers: it can dial out, and nobody can dial it. Two network namespaces without any link: a
# public one with a bootstrap node and another node, and a home. A program with a socket in each hands the connections
# that leave the home on, from an address of its own, as a router that translates addresses does for TCP (the kernel's
# own translation is not to be had everywhere). In the end each of the three nodes must have both others as peers.
# Exits with 77, and says why, where namespaces cannot be had.
#   nat_test.sh PROGRAM
set -euo pipefail
program=$1
# shellcheck source=tests/e2e/nodes.sh
. "$(dirname "$0")/nodes.sh"
make_space p
public=$space
make_space h
home=$space
for space in "$public" "$home"; do
  # Of the two nodes; at home they lead to the router.
  ip -n "$space" addr add 10.9.0.1/32 dev lo
  ip -n "$space" addr add 10.9.0.2/32 dev lo
done
ip -n "$public" addr add 10.9.0.254/32 dev lo

cat >"$work/router.py" <<'PY'
import asyncio, ctypes, os, socket, sys

def listen(address, port):
    out = socket.socket()
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    out.bind((address, port))
    return out

inside = [listen("10.9.0.1", 4001), listen("10.9.0.2", 4002)]
# From here on sockets are made in the other namespace.
if ctypes.CDLL(None, use_errno=True).setns(os.open("/var/run/netns/" + sys.argv[1], os.O_RDONLY), 0x40000000) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))

async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()

async def main():
    async def serve(reader, writer):
        address, port = writer.get_extra_info("sockname")
        try:
            far = await asyncio.open_connection(address, port, local_addr=("10.9.0.254", 0))
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, far[1]), pump(far[0], writer))
    for one in inside:
        await asyncio.start_server(serve, sock=one)
    await asyncio.Event().wait()

asyncio.run(main())
PY
ip netns exec "$home" python3 "$work/router.py" "$public" &
pids+=($!)

# among_peers NUMBER BOOTSTRAP [EXTERNAL]
among_peers() {
  cat <<TOML
[wavs.p2p.remote]
listen_port = 400$1
bootstrap_nodes = [$2]
kademlia_discovery_interval_secs = 1
external_addresses = [${3:-}]
TOML
}
start "$public" 1 < <(among_peers 1 "" '"/ip4/10.9.0.1/tcp/4001"')
peer=$(ask "$public" 1 's["local_peer_id"]')
bootstrap="\"/ip4/10.9.0.1/tcp/4001/p2p/$peer\""
start "$public" 2 < <(among_peers 2 "$bootstrap" '"/ip4/10.9.0.2/tcp/4002"')
start "$home" 3 < <(among_peers 3 "$bootstrap")
for node in "$public 1" "$public 2" "$home 3"; do
  read -r space number <<<"$node"
  ask "$space" "$number" 's["connected_peers"] == 2' >/dev/null
done
echo "nat: each of three nodes has both others, though nobody can dial the one at home"
