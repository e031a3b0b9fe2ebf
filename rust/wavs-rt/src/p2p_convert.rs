// SPDX-License-Identifier: Apache-2.0
//! C structs in, flat events and status out; rust/FLAT.md has the layout.

use std::time::Duration;

use ::wavs_p2p::{
    Config, Counters, Event, EventHandler, Failure, FailureKind, Limits, Mode, PeerStatus, PublishFailure,
    ServiceId, Status, TopicStatus, Verdict,
};
use ::wavs_rt_engine::flat::Flat;

use crate::abi::wavs_rt_slice;
use crate::bytes::{buf_from, slice_bytes, slice_of};
use crate::p2p_abi::*;

pub fn invalid(text: &str) -> Failure {
    Failure::new(FailureKind::Invalid, text)
}

pub fn status_of(kind: FailureKind) -> wavs_p2p_status {
    match kind {
        FailureKind::Invalid => wavs_p2p_status::Invalid,
        FailureKind::Listen => wavs_p2p_status::Listen,
        FailureKind::NotSubscribed => wavs_p2p_status::NotSubscribed,
        FailureKind::Overloaded => wavs_p2p_status::Overloaded,
        FailureKind::Stopped => wavs_p2p_status::Stopped,
        FailureKind::Internal => wavs_p2p_status::Internal,
    }
}

pub fn verdict(number: u32) -> Result<Verdict, Failure> {
    const ACCEPT: u32 = wavs_p2p_verdict::Accept as u32;
    const REJECT: u32 = wavs_p2p_verdict::Reject as u32;
    const IGNORE: u32 = wavs_p2p_verdict::Ignore as u32;
    match number {
        ACCEPT => Ok(Verdict::Accept),
        REJECT => Ok(Verdict::Reject),
        IGNORE => Ok(Verdict::Ignore),
        _ => Err(invalid("unknown verdict")),
    }
}

/// # Safety
/// `texts` must be null or point to `len` readable slices.
unsafe fn texts(texts: *const wavs_rt_slice, len: usize) -> Result<Vec<String>, Failure> {
    if texts.is_null() || len == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: `len` readable slices, says the caller.
    let slices = unsafe { std::slice::from_raw_parts(texts, len) };
    // SAFETY: as above.
    slices.iter().map(|slice| unsafe { text(slice) }).collect()
}

/// # Safety
/// The slice must be readable.
unsafe fn text(slice: &wavs_rt_slice) -> Result<String, Failure> {
    // SAFETY: readable, says the caller.
    let bytes = unsafe { slice_bytes(slice) }.to_vec();
    String::from_utf8(bytes).map_err(|_| invalid("an address is not UTF-8"))
}

/// # Safety
/// Slices and arrays in `from` must be readable.
pub unsafe fn config(from: &wavs_p2p_options) -> Result<Config, Failure> {
    const LOCAL: u32 = wavs_p2p_mode::Local as u32;
    const REMOTE: u32 = wavs_p2p_mode::Remote as u32;
    let mode = match from.mode {
        LOCAL => Mode::Local,
        // SAFETY: readable, says the caller.
        REMOTE => Mode::Remote { bootstrap: unsafe { texts(from.bootstrap, from.bootstrap_len) }? },
        _ => return Err(invalid("unknown mode")),
    };
    let port = u16::try_from(from.listen_port).map_err(|_| invalid("listen_port is above 65535"))?;
    let mut config = Config::new(mode, port);
    // SAFETY: readable, says the caller.
    unsafe {
        config.listen_addresses = texts(from.listen, from.listen_len)?;
        config.external_addresses = texts(from.external, from.external_len)?;
        if from.agent.len > 0 {
            config.agent = text(&from.agent)?;
        }
    }
    config.listen_ip6 = from.flags & WAVS_P2P_LISTEN_IP6 != 0;
    config.port_fallback = from.flags & WAVS_P2P_PORT_FALLBACK != 0;
    set_times(&mut config, from);
    set_size(&mut config.max_pending_publishes, from.max_pending_publishes);
    set_size(&mut config.max_concurrent_catchup_requests_per_service, from.max_catchups_per_service);
    set_size(&mut config.wanted_peers, from.wanted_peers);
    set_limits(&mut config.limits, from);
    Ok(config)
}

fn set_times(config: &mut Config, from: &wavs_p2p_options) {
    let pairs = [
        (&mut config.max_retry_duration, from.max_retry_ms),
        (&mut config.retry_interval, from.retry_interval_ms),
        (&mut config.kademlia_discovery_interval, from.discovery_interval_ms),
        (&mut config.catchup_request_timeout, from.catchup_timeout_ms),
        (&mut config.verdict_timeout, from.verdict_timeout_ms),
    ];
    for (to, ms) in pairs {
        if ms != 0 {
            *to = Duration::from_millis(ms.into());
        }
    }
}

fn set_limits(limits: &mut Limits, from: &wavs_p2p_options) {
    let pairs = [
        (&mut limits.connections, from.max_connections),
        (&mut limits.connections_per_peer, from.max_connections_per_peer),
        (&mut limits.connections_per_ip, from.max_connections_per_ip),
        (&mut limits.peer_messages_per_second, from.peer_messages_per_second),
        (&mut limits.peer_message_burst, from.peer_message_burst),
    ];
    for (to, value) in pairs {
        if value != 0 {
            *to = value;
        }
    }
    set_size(&mut limits.own_topics, from.max_own_topics);
    set_size(&mut limits.peer_topics, from.max_peer_topics);
    set_size(&mut limits.waiting_events, from.max_waiting_events);
    if from.max_waiting_bytes != 0 {
        limits.waiting_bytes = usize::try_from(from.max_waiting_bytes).unwrap_or(usize::MAX);
    }
}

fn set_size(to: &mut usize, value: u32) {
    if value != 0 {
        *to = value as usize;
    }
}

/// The callbacks struct, used by the node's thread.
pub struct ForeignHandler(pub wavs_p2p_callbacks);

// SAFETY: the header asks for functions and a `user` that any thread may use.
unsafe impl Send for ForeignHandler {}

impl EventHandler for ForeignHandler {
    fn event(&mut self, event: Event) {
        if let Some(take) = self.0.event {
            // SAFETY: `user` outlives the node, says the header; the buffer is handed over.
            unsafe { take(self.0.user, buf_from(flat_event(&event))) };
        }
    }

    fn ended(&mut self, failure: Option<Failure>) {
        let Some(tell) = self.0.ended else { return };
        let (status, message) = match failure {
            None => (wavs_p2p_status::Ok, String::new()),
            Some(failure) => (status_of(failure.kind), failure.message),
        };
        // SAFETY: as above; the text is valid during the call.
        unsafe { tell(self.0.user, status as u32, slice_of(message.as_bytes())) };
    }
}

fn put_service(service: &ServiceId, out: &mut Vec<u8>) {
    service.0.to_vec().put(out);
}

fn flat_event(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    let to = &mut out;
    match event {
        Event::Message { token, source, delivered_by, service, data } => {
            0_u8.put(to);
            token.put(to);
            source.to_string().put(to);
            delivered_by.to_string().put(to);
            put_service(service, to);
            data.put(to);
        }
        Event::CatchupRequested { token, peer, service } => {
            1_u8.put(to);
            token.put(to);
            peer.to_string().put(to);
            put_service(service, to);
        }
        Event::CatchupAnswered { peer, service, data } => {
            2_u8.put(to);
            peer.to_string().put(to);
            put_service(service, to);
            data.put(to);
        }
        Event::PeerConnected { peer } => {
            3_u8.put(to);
            peer.to_string().put(to);
        }
        Event::PeerDisconnected { peer } => {
            4_u8.put(to);
            peer.to_string().put(to);
        }
        Event::PublishFailed { service, reason, size } => {
            5_u8.put(to);
            put_service(service, to);
            reason_case(*reason).put(to);
            (*size as u64).put(to);
        }
        Event::Listening { address } => {
            6_u8.put(to);
            address.put(to);
        }
    }
    out
}

fn reason_case(reason: PublishFailure) -> u8 {
    match reason {
        PublishFailure::TooLarge => 0,
        PublishFailure::Expired => 1,
        PublishFailure::Dropped => 2,
    }
}

pub fn flat_status(status: &Status) -> Vec<u8> {
    let mut out = Vec::new();
    status.local_peer.to_string().put(&mut out);
    status.listen_addresses.put(&mut out);
    status.external_addresses.put(&mut out);
    put_list(&status.peers, &mut out, put_peer);
    put_list(&status.topics, &mut out, put_topic);
    put_counters(&status.counters, &mut out);
    (status.pending_publishes as u64).put(&mut out);
    (status.waiting_events as u64).put(&mut out);
    status.credits.put(&mut out);
    (status.unjudged as u64).put(&mut out);
    out
}

fn put_list<T>(items: &[T], out: &mut Vec<u8>, put: impl Fn(&T, &mut Vec<u8>)) {
    small(items.len()).put(out);
    items.iter().for_each(|item| put(item, out));
}

fn small(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn put_peer(peer: &PeerStatus, out: &mut Vec<u8>) {
    peer.peer.to_string().put(out);
    (peer.score as f32).put(out);
    peer.agent.put(out);
    peer.foreign.put(out);
}

fn put_topic(topic: &TopicStatus, out: &mut Vec<u8>) {
    put_service(&topic.service, out);
    small(topic.subscribed_peers).put(out);
    small(topic.mesh_peers).put(out);
}

fn put_counters(counters: &Counters, out: &mut Vec<u8>) {
    let all = [
        counters.received,
        counters.accepted,
        counters.rejected,
        counters.ignored,
        counters.judged_too_late,
        counters.no_room,
        counters.rate_limited,
        counters.published,
        counters.published_before,
        counters.publish_too_large,
        counters.publish_expired,
        counters.publish_dropped,
        counters.catchup_asked,
        counters.catchup_answered,
        counters.catchup_failed,
        counters.catchup_served,
        counters.catchup_refused,
        counters.notices_lost,
    ];
    all.iter().for_each(|counter| counter.put(out));
}
