// SPDX-License-Identifier: Apache-2.0
//! The peer-to-peer types of the C header.
#![allow(non_camel_case_types)]

use std::ffi::c_void;

use crate::abi::{wavs_rt_buf, wavs_rt_slice};

/// How a `wavs_p2p_*` call ended; stands in `wavs_rt_error.status` for these.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_p2p_status {
    Ok = 0,
    /// What was given cannot be used: an address, a size, UTF-8, a null pointer.
    Invalid = 1,
    /// The configured address cannot be listened on.
    Listen = 2,
    /// The service is not subscribed, so nothing is published for it.
    NotSubscribed = 3,
    /// A bound is reached; the same call may succeed later.
    Overloaded = 4,
    /// The node has ended.
    Stopped = 5,
    Internal = 6,
    /// A defect in this library, contained.
    Panic = 7,
}

/// How peers are found.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_p2p_mode {
    /// By mDNS in the local network.
    Local = 0,
    /// Over bootstrap nodes and Kademlia.
    Remote = 1,
}

/// What the application finds about a message.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_p2p_verdict {
    /// Forward it.
    Accept = 0,
    /// Do not forward it, and hold it against the peers that delivered it.
    Reject = 1,
    /// Do not forward it.
    Ignore = 2,
}

/// `wavs_p2p_options.flags`: listen on IPv6 as well, where the machine has it.
pub const WAVS_P2P_LISTEN_IP6: u32 = 1;
/// `wavs_p2p_options.flags`: take any free port when the configured one is taken.
pub const WAVS_P2P_PORT_FALLBACK: u32 = 2;

/// Set-up of a node. A zero or an empty slice means the default given with the field. Everything is
/// copied. Addresses are multiaddresses.
#[repr(C)]
pub struct wavs_p2p_options {
    /// `wavs_p2p_mode`
    pub mode: u32,
    /// `WAVS_P2P_*`
    pub flags: u32,
    /// Ed25519 secret key; the peer id follows from it.
    pub identity: [u8; 32],
    /// TCP; 0 = any free one.
    pub listen_port: u32,
    /// How old a message nobody could take yet may get; 0 = 10000.
    pub max_retry_ms: u32,
    /// 0 = 200.
    pub retry_interval_ms: u32,
    /// 0 = 60000.
    pub discovery_interval_ms: u32,
    /// 0 = 30000.
    pub catchup_timeout_ms: u32,
    /// A message not judged after this time is not forwarded; 0 = 4000, which is also the most.
    pub verdict_timeout_ms: u32,
    /// Messages nobody could take yet; 0 = 1000.
    pub max_pending_publishes: u32,
    /// Peers asked at a time; 0 = 3.
    pub max_catchups_per_service: u32,
    /// With so many peers, lost bootstrap nodes are not dialled again; 0 = 16.
    pub wanted_peers: u32,
    /// 0 = 256.
    pub max_connections: u32,
    /// 0 = 4.
    pub max_connections_per_peer: u32,
    /// Loopback excepted; 0 = 16.
    pub max_connections_per_ip: u32,
    /// Services this node subscribes to; 0 = 4096.
    pub max_own_topics: u32,
    /// Services one peer subscribes to; 0 = 4096.
    pub max_peer_topics: u32,
    /// Gossip messages one peer delivers; 0 = 50.
    pub peer_messages_per_second: u32,
    /// 0 = 200.
    pub peer_message_burst: u32,
    /// Events that wait for credit; 0 = 16384.
    pub max_waiting_events: u32,
    /// Their bytes; 0 = 64 MiB.
    pub max_waiting_bytes: u64,
    /// Remote mode; none: this node is one for others.
    pub bootstrap: *const wavs_rt_slice,
    pub bootstrap_len: usize,
    /// Instead of all addresses of the machine with `listen_port`.
    pub listen: *const wavs_rt_slice,
    pub listen_len: usize,
    /// Announced to peers besides the addresses this node listens on.
    pub external: *const wavs_rt_slice,
    pub external_len: usize,
    /// Told to peers; empty = "wavs/" and the version of this library.
    pub agent: wavs_rt_slice,
}

/// Where events go. Both are called on the node's only thread, must not throw or block, and may call
/// everything but `wavs_p2p_get_status`, `_stop` and `_free`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wavs_p2p_callbacks {
    /// First argument of both; must outlive the node.
    pub user: *mut c_void,
    /// A flat p2p-event, which the receiver owns and releases. Takes one credit.
    pub event: Option<unsafe extern "C" fn(user: *mut c_void, event: wavs_rt_buf)>,
    /// The node has ended; comes once, last, without credit. `status` is `wavs_p2p_status`: Ok = it was
    /// told to. `message` is valid during the call.
    pub ended: Option<unsafe extern "C" fn(user: *mut c_void, status: u32, message: wavs_rt_slice)>,
}

/// A node among its peers: one thread, all connections.
pub struct wavs_p2p {
    pub(crate) inner: ::wavs_p2p::Node,
}
