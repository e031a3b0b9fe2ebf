// SPDX-License-Identifier: Apache-2.0
//! The C face of the peer-to-peer node. Returns 0, or 1 with the reason in `error` (may be null).

use ::wavs_p2p::{Failure, Node, ServiceId};

use crate::abi::{wavs_rt_buf, wavs_rt_error, wavs_rt_slice};
use crate::bytes::{buf_from, slice_bytes};
use crate::guard::contained;
use crate::p2p_abi::*;
use crate::p2p_convert::{ForeignHandler, config, flat_status, invalid, status_of, verdict};

/// Runs an entry's body and reports its failure, or its panic.
///
/// # Safety
/// `error` must be null or writable.
unsafe fn reported<T>(error: *mut wavs_rt_error, body: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
    let (status, message) = match contained(body) {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(failure)) => (status_of(failure.kind), failure.message),
        Err(panic) => (wavs_p2p_status::Panic, panic.message),
    };
    // SAFETY: null or writable, says the caller. What was there before is not dropped.
    if let Some(error) = unsafe { error.as_mut() } {
        error.status = status as u32;
        error.message = buf_from(message.into_bytes());
    }
    None
}

/// As `reported`, with a node.
///
/// # Safety
/// `node` must be null or live, `error` null or writable.
unsafe fn with_node(
    node: *const wavs_p2p,
    error: *mut wavs_rt_error,
    body: impl FnOnce(&Node) -> Result<(), Failure>,
) -> u32 {
    // SAFETY: null or live, says the caller.
    let node = unsafe { node.as_ref() };
    let body = || node.map_or_else(|| Err(invalid("null node")), |node| body(&node.inner));
    // SAFETY: null or writable, says the caller.
    u32::from(unsafe { reported(error, body) }.is_none())
}

/// # Safety
/// `id` must be null or 32 readable bytes.
unsafe fn service(id: *const u8) -> Result<ServiceId, Failure> {
    // SAFETY: null or 32 readable bytes, says the caller.
    let id = unsafe { id.cast::<[u8; 32]>().as_ref() };
    id.map(|id| ServiceId(*id)).ok_or_else(|| invalid("null service id"))
}

/// Listens and starts the node's thread. Null on failure, with the reason in `error` (may be null).
///
/// # Safety
/// `options` and `callbacks` must be valid for the call; `callbacks->user` until `_free` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_new(
    options: *const wavs_p2p_options,
    callbacks: *const wavs_p2p_callbacks,
    error: *mut wavs_rt_error,
) -> *mut wavs_p2p {
    let start = || {
        // SAFETY: null is checked here, validity is the caller's promise.
        let (options, callbacks) = unsafe { (options.as_ref(), callbacks.as_ref()) };
        let (Some(options), Some(callbacks)) = (options, callbacks) else {
            return Err(invalid("null options or callbacks"));
        };
        // SAFETY: slices in the options are valid for the call.
        let config = unsafe { config(options) }?;
        Node::start(config, options.identity, ForeignHandler(*callbacks))
    };
    // SAFETY: null or writable, says the caller.
    let node = unsafe { reported(error, start) };
    node.map_or(std::ptr::null_mut(), |inner| Box::into_raw(Box::new(wavs_p2p { inner })))
}

/// Closes all connections; returns after the last callback. May be called again. Not from a callback.
///
/// # Safety
/// `node` must be a live node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_stop(node: *mut wavs_p2p) {
    // SAFETY: the caller passes a live node or null.
    if let Some(node) = unsafe { node.as_ref() } {
        let _ = contained(|| node.inner.stop());
    }
}

/// Stops at once if that has not happened, and frees the node. Not from a callback; null is fine.
///
/// # Safety
/// `node` must be a live node; nobody may use it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_free(node: *mut wavs_p2p) {
    if !node.is_null() {
        // SAFETY: it came out of `Box::into_raw` and the caller gives it up.
        let node = unsafe { Box::from_raw(node) };
        let _ = contained(|| drop(node));
    }
}

/// Takes part in the gossip of a service and asks the connected peers what was missed. Again is fine.
/// Returns 0, or 1 with the reason in `error` (may be null).
///
/// # Safety
/// `node` must be live, `service_id` 32 readable bytes, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_subscribe(
    node: *mut wavs_p2p,
    service_id: *const u8,
    error: *mut wavs_rt_error,
) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { with_node(node, error, |node| node.subscribe(service(service_id)?)) }
}

/// Leaves the gossip of a service and forgets what waits to be published for it. Returns as
/// `wavs_p2p_subscribe`.
///
/// # Safety
/// As `wavs_p2p_subscribe`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_unsubscribe(
    node: *mut wavs_p2p,
    service_id: *const u8,
    error: *mut wavs_rt_error,
) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { with_node(node, error, |node| node.unsubscribe(service(service_id)?)) }
}

/// Hands a message to the peers of a subscribed service. What cannot be delivered comes back as an
/// event. Returns as `wavs_p2p_subscribe`.
///
/// # Safety
/// As `wavs_p2p_subscribe`; `data` must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_publish(
    node: *mut wavs_p2p,
    service_id: *const u8,
    data: wavs_rt_slice,
    error: *mut wavs_rt_error,
) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { with_node(node, error, |node| node.publish(service(service_id)?, slice_bytes(&data).to_vec())) }
}

/// Decides over a message by the token of its event; without effect when that has happened or its time is
/// over. `verdict` is `wavs_p2p_verdict`. Returns as `wavs_p2p_subscribe`.
///
/// # Safety
/// `node` must be live, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_judge(
    node: *mut wavs_p2p,
    token: u64,
    verdict: u32,
    error: *mut wavs_rt_error,
) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { with_node(node, error, |node| node.judge(token, self::verdict(verdict)?)) }
}

/// Answers a catch-up request by the token of its event; without effect when its time is over. At most
/// 10 MiB. Returns as `wavs_p2p_subscribe`.
///
/// # Safety
/// `node` must be live, `answer` readable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_answer_catchup(
    node: *mut wavs_p2p,
    token: u64,
    answer: wavs_rt_slice,
    error: *mut wavs_rt_error,
) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { with_node(node, error, |node| node.answer_catchup(token, slice_bytes(&answer).to_vec())) }
}

/// Asks one peer of the service, by chance, what there is; nothing happens without one. Returns as
/// `wavs_p2p_subscribe`.
///
/// # Safety
/// As `wavs_p2p_subscribe`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_request_catchup(
    node: *mut wavs_p2p,
    service_id: *const u8,
    error: *mut wavs_rt_error,
) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { with_node(node, error, |node| node.request_catchup(service(service_id)?)) }
}

/// So many more events may be handed over. Returns as `wavs_p2p_subscribe`.
///
/// # Safety
/// `node` must be live, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_grant(node: *mut wavs_p2p, events: u64, error: *mut wavs_rt_error) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { with_node(node, error, |node| node.grant(events)) }
}

/// A flat p2p-status in `out`, which the caller releases. Waits for a turn of the node's thread. Returns
/// as `wavs_p2p_subscribe`.
///
/// # Safety
/// `node` must be live, `out` writable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_p2p_get_status(
    node: *const wavs_p2p,
    out: *mut wavs_rt_buf,
    error: *mut wavs_rt_error,
) -> u32 {
    let write = |node: &Node| {
        // SAFETY: writable, says the caller, or null.
        let out = unsafe { out.as_mut() }.ok_or_else(|| invalid("null out"))?;
        *out = buf_from(flat_status(&node.status()?));
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { with_node(node, error, write) }
}
