// SPDX-License-Identifier: Apache-2.0
//! The C face of the guest engine. Every entry contains panics; see include/wavs_rt.h for the rules.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod abi;
mod bytes;
mod callbacks;
mod convert;
mod guard;
mod p2p;
mod p2p_abi;
mod p2p_convert;
#[cfg(test)]
mod p2p_tests;
#[cfg(test)]
mod tests;

use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use ::wavs_rt_engine as engine;
use abi::*;
use bytes::{buf_from, slice_bytes};
use callbacks::{ForeignHost, User};
use guard::{contained, fail};

/// The version of this header the library was built with (`WAVS_RT_ABI_VERSION`).
#[unsafe(no_mangle)]
pub extern "C" fn wavs_rt_abi_version() -> u32 {
    WAVS_RT_ABI_VERSION
}

/// A buffer of `len` zero bytes, to be filled in and handed over.
#[unsafe(no_mangle)]
pub extern "C" fn wavs_rt_buf_alloc(len: usize) -> wavs_rt_buf {
    contained(|| buf_from(vec![0; len])).unwrap_or(bytes::EMPTY)
}

/// A buffer with a copy of `bytes`.
///
/// # Safety
/// `bytes` must point to readable memory of its length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_buf_copy(bytes: wavs_rt_slice) -> wavs_rt_buf {
    // SAFETY: the caller lends readable memory.
    let copy = || buf_from(unsafe { slice_bytes(&bytes) }.to_vec());
    contained(copy).unwrap_or(bytes::EMPTY)
}

/// Frees a buffer of this library; an empty one is fine.
///
/// # Safety
/// `buf` must come from this library and must not have been released before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_buf_release(buf: wavs_rt_buf) {
    // SAFETY: the caller passes a buffer of ours it still owns.
    drop(unsafe { bytes::buf_into(buf) });
}

/// Starts guest threads and builds the linkers. Null on failure, with the reason in `error` (may be
/// null). The callbacks struct is copied.
///
/// # Safety
/// `options` and `callbacks` must be valid for the call; `callbacks->user` until `_free` returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_engine_new(
    options: *const wavs_rt_options,
    callbacks: *const wavs_rt_callbacks,
    error: *mut wavs_rt_error,
) -> *mut wavs_rt_engine {
    let made = contained(|| {
        // SAFETY: null is checked here, validity is the caller's promise.
        let (options, callbacks) = unsafe { (options.as_ref(), callbacks.as_ref()) };
        let (Some(options), Some(callbacks)) = (options, callbacks) else {
            return Err(fail(engine::Status::InvalidInput, "null options or callbacks"));
        };
        // SAFETY: slices in options are valid for the call.
        let options = unsafe { convert::options(options) }?;
        engine::Engine::new(options, Arc::new(ForeignHost::new(*callbacks)))
    });
    let made = made.map(|done| done.map(|inner| wavs_rt_engine { inner }));
    // SAFETY: `error` is null or writable.
    unsafe { guard::boxed(made, error) }
}

/// Refuses new work, waits up to `timeout_ms` for what runs, interrupts the rest, and returns after
/// the last completion callback has returned. May be called again. Not from a callback.
///
/// # Safety
/// `engine` must be a live engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_engine_shutdown(engine: *mut wavs_rt_engine, timeout_ms: u64) {
    // SAFETY: the caller passes a live engine or null.
    if let Some(engine) = unsafe { engine.as_ref() } {
        let _ = contained(|| engine.inner.shutdown(Duration::from_millis(timeout_ms)));
    }
}

/// Shuts down at once if that has not happened, stops the threads, frees the engine. Not from a
/// callback; null is fine.
///
/// # Safety
/// `engine` must be a live engine; nobody may use it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_engine_free(engine: *mut wavs_rt_engine) {
    if engine.is_null() {
        return;
    }
    let _ = contained(|| {
        // SAFETY: it came out of `Box::into_raw` and the caller gives it up.
        let engine = unsafe { Box::from_raw(engine) };
        engine.inner.shutdown(Duration::ZERO);
        drop(engine);
    });
}

/// Sets where guests may connect to, from the next connection on. A new engine lets them reach public
/// addresses only. Returns 0, or 1 with the entry that cannot be read in `error` (may be null).
///
/// # Safety
/// `engine` must be a live engine, `network` valid for the call, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_engine_set_network(
    engine: *mut wavs_rt_engine,
    network: *const wavs_rt_network,
    error: *mut wavs_rt_error,
) -> u32 {
    let set = contained(|| {
        // SAFETY: null is checked here, validity is the caller's promise.
        let (engine, network) = unsafe { (engine.as_ref(), network.as_ref()) };
        let (Some(engine), Some(network)) = (engine, network) else {
            return Err(fail(engine::Status::InvalidInput, "null engine or network"));
        };
        // SAFETY: slices in the rules are valid for the call.
        engine.inner.set_network(&unsafe { convert::network(network) }?)
    });
    let set = set.and_then(|done| done);
    // SAFETY: `error` is null or writable.
    u32::from(unsafe { guard::reported(set, error) }.is_none())
}

/// Copies the counters.
///
/// # Safety
/// `engine` must be a live engine, `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_engine_stats(engine: *const wavs_rt_engine, out: *mut wavs_rt_stats) {
    // SAFETY: the caller passes a live engine and writable memory, or null.
    if let (Some(engine), Some(out)) = unsafe { (engine.as_ref(), out.as_mut()) }
        && let Ok(stats) = contained(|| engine.inner.stats())
    {
        *out = convert::stats(&stats);
    }
}

/// Checks a component against a world, compiles it unless a cache has it, and keeps it ready. `cb`
/// runs on a guest thread, or on the calling one when the engine is shut down.
///
/// # Safety
/// `engine` must be live, `request` valid for the call, `cb` callable from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_component_load(
    engine: *mut wavs_rt_engine,
    request: *const wavs_rt_load_request,
    cb: wavs_rt_load_cb,
    user: *mut c_void,
) {
    let done = convert::LoadReply::new(cb, User(user));
    let result = contained(|| {
        // SAFETY: null is checked here, validity is the caller's promise.
        let (engine, request) = unsafe { (engine.as_ref(), request.as_ref()) };
        let (Some(engine), Some(request)) = (engine, request) else {
            done.answer(Err(fail(engine::Status::InvalidInput, "null engine or request")));
            return;
        };
        // SAFETY: slices in the request are valid for the call.
        match unsafe { convert::load_request(request) } {
            Ok(request) => {
                let reply = done.clone();
                engine.inner.load(request, move |outcome| reply.answer(outcome));
            }
            Err(failure) => done.answer(Err(failure)),
        }
    });
    if let Err(failure) = result {
        done.answer(Err(failure));
    }
}

/// Forgets a component in memory (both worlds, pinned or not) and, when `disk` is not 0, its
/// compiled code on disk. Runs in progress keep it. Returns 1 if it was in memory.
///
/// # Safety
/// `engine` must be live, `digest` 32 readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_component_evict(
    engine: *mut wavs_rt_engine,
    digest: *const u8,
    disk: u32,
) -> u32 {
    let found = contained(|| {
        // SAFETY: the caller passes a live engine and 32 bytes, or null.
        let (engine, digest) = unsafe { (engine.as_ref(), digest.cast::<[u8; 32]>().as_ref()) };
        match (engine, digest) {
            (Some(engine), Some(digest)) => engine.inner.evict(digest, disk != 0),
            _ => false,
        }
    });
    u32::from(found.unwrap_or(false))
}

/// Takes a copy of a flat `service`, checked now and decoded again only when a guest asks. Null on
/// failure, with the reason in `error` (may be null).
///
/// # Safety
/// `flat` must be readable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_service_new(
    flat: wavs_rt_slice,
    error: *mut wavs_rt_error,
) -> *mut wavs_rt_service {
    // SAFETY: the caller lends readable memory.
    let made = contained(|| engine::ServiceSnapshot::new(unsafe { slice_bytes(&flat) }));
    let made = made.map(|done| done.map(|inner| wavs_rt_service { inner }));
    // SAFETY: `error` is null or writable.
    unsafe { guard::boxed(made, error) }
}

/// Gives up the handle; runs that use it keep the service. Null is fine.
///
/// # Safety
/// `service` must come from `wavs_rt_service_new` and must not be used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_service_free(service: *mut wavs_rt_service) {
    if !service.is_null() {
        // SAFETY: it came out of `Box::into_raw` and the caller gives it up.
        drop(unsafe { Box::from_raw(service) });
    }
}

/// Runs one export in a fresh instance. `cb` runs on a guest thread, or on the calling one when the
/// request cannot start. Returns the number for `wavs_rt_run_cancel`, 0 if nothing was started.
///
/// # Safety
/// `engine` must be live, `request` valid for the call, `cb` callable from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_run(
    engine: *mut wavs_rt_engine,
    request: *const wavs_rt_run_request,
    cb: wavs_rt_run_cb,
    user: *mut c_void,
) -> u64 {
    let done = convert::RunReply::new(cb, User(user));
    let result = contained(|| {
        // SAFETY: null is checked here, validity is the caller's promise.
        let (engine, request) = unsafe { (engine.as_ref(), request.as_ref()) };
        let (Some(engine), Some(request)) = (engine, request) else {
            done.answer(fail(engine::Status::InvalidInput, "null engine or request").into());
            return 0;
        };
        // SAFETY: slices in the request are valid for the call.
        match unsafe { convert::run_request(request) } {
            Ok(request) => {
                let reply = done.clone();
                engine.inner.run(request, move |outcome| reply.answer(outcome))
            }
            Err(failure) => {
                done.answer(failure.into());
                0
            }
        }
    });
    result.unwrap_or_else(|failure| {
        done.answer(failure.into());
        0
    })
}

/// Runs a recorded run again without the world it ran in; the component must be loaded. `data_dir`: an
/// empty directory for the files it had (empty slice if it had none). Ends as a run does; InvalidInput
/// also when the record is incomplete or the run goes another way than recorded. Returns as
/// `wavs_rt_run`.
///
/// # Safety
/// `engine` must be live, the slices readable for the call, `cb` callable from any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_replay(
    engine: *mut wavs_rt_engine,
    record: wavs_rt_slice,
    data_dir: wavs_rt_slice,
    cb: wavs_rt_run_cb,
    user: *mut c_void,
) -> u64 {
    let done = convert::RunReply::new(cb, User(user));
    let result = contained(|| {
        // SAFETY: the caller passes a live engine or null.
        let Some(engine) = (unsafe { engine.as_ref() }) else {
            done.answer(fail(engine::Status::InvalidInput, "null engine").into());
            return 0;
        };
        let reply = done.clone();
        // SAFETY: the caller lends readable memory.
        let (record, data_dir) = unsafe { (slice_bytes(&record), convert::path(&data_dir)) };
        engine.inner.replay(record, data_dir, move |outcome| reply.answer(outcome))
    });
    result.unwrap_or_else(|failure| {
        done.answer(failure.into());
        0
    })
}

/// What a record says about itself: flat tuple of list<u8> digest, u8 `wavs_rt_export`, list<u8>
/// service id, string workflow id, u32 number of calls, option<string> what is missing,
/// result<list<u8>, tuple<u32, string>> how the run ended. Returns 0, or 1 with the reason in `error`.
///
/// # Safety
/// `record` must be readable, `out` writable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_record_info(
    record: wavs_rt_slice,
    out: *mut wavs_rt_buf,
    error: *mut wavs_rt_error,
) -> u32 {
    // SAFETY: the caller lends readable memory.
    let info = contained(|| convert::record_info(unsafe { slice_bytes(&record) }));
    // SAFETY: `error` is null or writable.
    let info = unsafe { guard::reported(info.and_then(|info| info), error) };
    // SAFETY: `out` is writable.
    let (Some(info), Some(out)) = (info, unsafe { out.as_mut() }) else { return 1 };
    *out = buf_from(info);
    0
}

/// The first host call in which two records of one component differ, as text in `out`; empty when calls
/// and results are the same. Returns 0, or 1 with the reason in `error`.
///
/// # Safety
/// `a` and `b` must be readable, `out` writable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_records_difference(
    a: wavs_rt_slice,
    b: wavs_rt_slice,
    out: *mut wavs_rt_buf,
    error: *mut wavs_rt_error,
) -> u32 {
    let text = contained(|| {
        // SAFETY: the caller lends readable memory.
        let (a, b) = unsafe { (slice_bytes(&a), slice_bytes(&b)) };
        let (a, b) = (engine::Record::decode(a)?, engine::Record::decode(b)?);
        Ok(engine::difference(&a, &b).unwrap_or_default())
    });
    // SAFETY: `error` is null or writable.
    let text = unsafe { guard::reported(text.and_then(|text| text), error) };
    // SAFETY: `out` is writable.
    let (Some(text), Some(out)) = (text, unsafe { out.as_mut() }) else { return 1 };
    *out = buf_from(text.into_bytes());
    0
}

/// Ends a run as Cancelled at the next point where it can stop; its callback still comes. Returns 1
/// if the run was known.
///
/// # Safety
/// `engine` must be live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_run_cancel(engine: *mut wavs_rt_engine, run: u64) -> u32 {
    // SAFETY: the caller passes a live engine or null.
    let engine = unsafe { engine.as_ref() };
    let found = contained(|| engine.is_some_and(|engine| engine.inner.cancel(run)));
    u32::from(found.unwrap_or(false))
}

/// Whose guest the calling thread is in: 1 and a copy in `out`, or 0. Async-signal-safe, for handlers
/// of fatal signals.
///
/// # Safety
/// `out` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_current_guest(out: *mut wavs_rt_guest) -> u32 {
    // SAFETY: the caller passes writable memory, or null.
    let Some(out) = (unsafe { out.as_mut() }) else { return 0 };
    let Some(mark) = engine::current_guest() else { return 0 };
    *out = wavs_rt_guest { digest: mark.digest, service_id: mark.service_id, event_id: mark.event_id };
    1
}

/// For benchmarks: an operator component with nothing around it but Wasmtime, on an engine of its own.
/// It finds no WASI, and of `host` only `config-var` (none) and `get-event-id`. `metered` 0: fuel and
/// epochs are not compiled in. Null on failure, with the reason in `error` (may be null).
///
/// # Safety
/// `wasm` must be readable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_bare_new(
    wasm: wavs_rt_slice,
    metered: u32,
    error: *mut wavs_rt_error,
) -> *mut wavs_rt_bare {
    let metering = if metered == 0 { engine::Metering::Off } else { engine::Metering::On };
    // SAFETY: the caller lends readable memory.
    let made = contained(|| engine::Bare::new(unsafe { slice_bytes(&wasm) }, metering));
    let made = made.map(|done| done.map(|inner| wavs_rt_bare { inner }));
    // SAFETY: `error` is null or writable.
    unsafe { guard::boxed(made, error) }
}

/// So many runs on the calling thread, one after the other, each in a fresh instance; `input` is a flat
/// trigger-action. Returns the nanoseconds they took, 0 on failure, with the reason in `error` (may be
/// null).
///
/// # Safety
/// `bare` must be live and in use by this thread only, `input` readable, `error` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_bare_run(
    bare: *mut wavs_rt_bare,
    input: wavs_rt_slice,
    runs: u32,
    error: *mut wavs_rt_error,
) -> u64 {
    let ran = contained(|| {
        // SAFETY: null is checked here, validity is the caller's promise.
        let Some(bare) = (unsafe { bare.as_ref() }) else {
            return Err(fail(engine::Status::InvalidInput, "null component"));
        };
        // SAFETY: the caller lends readable memory.
        bare.inner.run(unsafe { slice_bytes(&input) }, runs)
    });
    // SAFETY: `error` is null or writable.
    let took = unsafe { guard::reported(ran.and_then(|done| done), error) };
    took.map_or(0, |took| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))
}

/// Null is fine.
///
/// # Safety
/// `bare` must come from `wavs_rt_bare_new` and must not be used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wavs_rt_bare_free(bare: *mut wavs_rt_bare) {
    if !bare.is_null() {
        // SAFETY: it came out of `Box::into_raw` and the caller gives it up.
        drop(unsafe { Box::from_raw(bare) });
    }
}

const _: () = {
    // The C++ side asserts the same numbers.
    assert!(size_of::<wavs_rt_slice>() == 16);
    assert!(size_of::<wavs_rt_buf>() == 24);
    assert!(size_of::<wavs_rt_run_request>() == 240);
    assert!(size_of::<wavs_rt_run_result>() == 96);
    assert!(size_of::<wavs_rt_callbacks>() == 88);
    assert!(size_of::<wavs_rt_guest>() == 84);
};
