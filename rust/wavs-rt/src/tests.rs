// SPDX-License-Identifier: Apache-2.0
//! The C entries as a C caller uses them.
// SAFETY, for all of this file: pointers come from live Rust values or from the library, buffers and
// tickets are taken over once, zeroed structs have only nullable fields.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::abi::*;
use crate::bytes::{buf_into, slice_bytes, slice_of};
use crate::*;

/// The digest travels with the file.
fn component(name: &str) -> (Vec<u8>, [u8; 32]) {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/components/prebuilt");
    let sums = std::fs::read_to_string(format!("{dir}/SHA256SUMS")).unwrap();
    let file = format!("{name}.wasm");
    let line = sums.lines().find(|line| line.ends_with(&file)).unwrap();
    let digest = std::array::from_fn(|i| u8::from_str_radix(&line[2 * i..2 * i + 2], 16).unwrap());
    (std::fs::read(format!("{dir}/{file}")).unwrap(), digest)
}

#[derive(Default)]
struct Node {
    values: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    lines: Mutex<Vec<String>>,
    /// Whose guest was on the thread when a value was set.
    writers: Mutex<Vec<wavs_rt_guest>>,
}

unsafe fn node<'a>(user: *mut c_void) -> &'a Node {
    unsafe { &*user.cast::<Node>() }
}

unsafe extern "C" fn log(
    user: *mut c_void,
    origin: *const wavs_rt_origin,
    _: u32,
    _: u32,
    text: wavs_rt_slice,
) {
    unsafe {
        assert_eq!((*origin).trace_id, [5; 16]);
        assert_eq!(slice_bytes(&(*origin).workflow_id), b"default");
        let text = String::from_utf8(slice_bytes(&text).to_vec()).unwrap();
        node(user).lines.lock().unwrap().push(text);
    }
}

unsafe extern "C" fn kv_get(
    user: *mut c_void,
    _: *const wavs_rt_origin,
    _: wavs_rt_slice,
    key: wavs_rt_slice,
    out: *mut wavs_rt_buf,
) -> u32 {
    unsafe {
        match node(user).values.lock().unwrap().get(slice_bytes(&key)) {
            None => wavs_rt_answer::Absent as u32,
            Some(value) => {
                *out = wavs_rt_buf_copy(slice_of(value));
                wavs_rt_answer::Ok as u32
            }
        }
    }
}

unsafe extern "C" fn kv_set(
    user: *mut c_void,
    _: *const wavs_rt_origin,
    _: wavs_rt_slice,
    key: wavs_rt_slice,
    value: wavs_rt_slice,
    out: *mut wavs_rt_buf,
) -> u32 {
    unsafe {
        if slice_bytes(&value).len() > 2 {
            *out = wavs_rt_buf_copy(slice_of(b"quota exceeded"));
            return wavs_rt_answer::Other as u32;
        }
        let mut guest: wavs_rt_guest = zeroed();
        assert_eq!(wavs_rt_current_guest(&mut guest), 1);
        node(user).writers.lock().unwrap().push(guest);
        let (key, value) = (slice_bytes(&key).to_vec(), slice_bytes(&value).to_vec());
        node(user).values.lock().unwrap().insert(key, value);
    }
    wavs_rt_answer::Ok as u32
}

struct Ended {
    status: u32,
    output: Vec<u8>,
    message: String,
}

unsafe extern "C" fn run_done(user: *mut c_void, result: *mut wavs_rt_run_result) {
    unsafe {
        // What goes on behind a run is not the guest's.
        assert_eq!(wavs_rt_current_guest(&mut zeroed()), 0);
        let send = Box::from_raw(user.cast::<Sender<Ended>>());
        let message = String::from_utf8(buf_into((*result).message)).unwrap();
        let output = buf_into((*result).output);
        send.send(Ended { status: (*result).status, output, message }).unwrap();
    }
}

unsafe extern "C" fn load_done(user: *mut c_void, result: *mut wavs_rt_load_result) {
    unsafe {
        let send = Box::from_raw(user.cast::<Sender<Ended>>());
        let message = String::from_utf8(buf_into((*result).message)).unwrap();
        let output = buf_into((*result).imports);
        send.send(Ended { status: (*result).status, output, message }).unwrap();
    }
}

fn ticket() -> (*mut c_void, Receiver<Ended>) {
    let (send, receive) = channel();
    (Box::into_raw(Box::new(send)).cast(), receive)
}

struct Bed {
    engine: *mut wavs_rt_engine,
    node: Box<Node>,
}

impl Bed {
    fn new() -> Self {
        let node = Box::<Node>::default();
        let user = std::ptr::from_ref(&*node).cast_mut().cast();
        unsafe {
            let callbacks = wavs_rt_callbacks {
                user,
                log: Some(log),
                kv_get: Some(kv_get),
                kv_set: Some(kv_set),
                ..zeroed()
            };
            let options: wavs_rt_options = zeroed();
            let engine = wavs_rt_engine_new(&options, &callbacks, null_mut());
            assert!(!engine.is_null());
            Self { engine, node }
        }
    }

    fn load(&self, name: &str) -> [u8; 32] {
        let (wasm, digest) = component(name);
        let request = wavs_rt_load_request { world: 0, flags: 0, digest, wasm: slice_of(&wasm) };
        let (user, ended) = ticket();
        unsafe { wavs_rt_component_load(self.engine, &request, Some(load_done), user) };
        let ended = ended.recv().unwrap();
        assert_eq!((ended.status, ended.message.as_str()), (0, ""));
        assert!(!ended.output.is_empty());
        digest
    }

    fn run(&self, digest: [u8; 32], text: &str) -> Ended {
        let mut input = Vec::new();
        let put = |input: &mut Vec<u8>, text: &str| {
            input.extend((text.len() as u32).to_le_bytes());
            input.extend(text.as_bytes());
        };
        put(&mut input, "ab");
        put(&mut input, "default");
        input.extend([6, 6]);
        put(&mut input, text);
        let request = wavs_rt_run_request {
            digest,
            service_id: [4; 32],
            event_id: [1; 20],
            trace_id: [5; 16],
            workflow_id: slice_of(b"default"),
            input: slice_of(&input),
            fuel: u64::MAX,
            time_ms: u64::MAX,
            ..unsafe { zeroed() }
        };
        let (user, ended) = ticket();
        unsafe { wavs_rt_run(self.engine, &request, Some(run_done), user) };
        ended.recv().unwrap()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        unsafe { wavs_rt_engine_free(self.engine) };
    }
}

#[test]
fn load_and_run() {
    assert_eq!(wavs_rt_abi_version(), WAVS_RT_ABI_VERSION);
    let bed = Bed::new();
    let echo = bed.load("echo");
    let ended = bed.run(echo, "hi");
    assert_eq!((ended.status, ended.message.as_str()), (0, ""));
    // FLAT.md: one response, payload "hi", no ordering, no salt
    assert_eq!(ended.output, b"\x01\0\0\0\x02\0\0\0hi\0\0");
    let ended = bed.run(echo, "envvar:X");
    assert_eq!(ended.status, wavs_rt_status::ExecResult as u32);
    assert_eq!(ended.message, "env var X not found");
    unsafe {
        let mut stats: wavs_rt_stats = zeroed();
        wavs_rt_engine_stats(bed.engine, &mut stats);
        assert_eq!((stats.completed[0], stats.completed[7], stats.compiled), (1, 1, 1));
        assert_eq!(wavs_rt_component_evict(bed.engine, echo.as_ptr(), 1), 1);
    }
    assert_eq!(bed.run(echo, "hi").status, wavs_rt_status::NotFound as u32);
}

#[test]
fn callbacks_reach_the_node() {
    let bed = Bed::new();
    let (probe, kv) = (bed.load("probe"), bed.load("kv"));
    assert_eq!(bed.run(probe, "speak:hello").status, 0);
    assert!(bed.node.lines.lock().unwrap().contains(&"hello".to_owned()));
    // Writes work, but the answer asks for the service, which this run does not have.
    let ended = bed.run(kv, r#"{"write":{"bucket":"b","key":"k","value":[1]}}"#);
    assert_eq!(ended.status, wavs_rt_status::ComponentError as u32);
    assert_eq!(bed.node.values.lock().unwrap()[b"k".as_slice()], [1]);
    let writer = bed.node.writers.lock().unwrap()[0];
    assert_eq!((writer.digest, writer.service_id, writer.event_id), (kv, [4; 32], [1; 20]));
    assert_eq!(unsafe { wavs_rt_current_guest(null_mut()) }, 0);
    let ended = bed.run(kv, r#"{"write":{"bucket":"b","key":"k","value":[1,2,3]}}"#);
    assert_eq!(ended.message, "quota exceeded");
    let ended = bed.run(kv, r#"{"list_keys":{"bucket":"b","cursor":null}}"#);
    assert_eq!(ended.message, "access denied");
}

#[test]
fn bare_runs_take_time() {
    // FLAT.md: service "ab", workflow "default", manual trigger, raw data "x"
    let input = b"\x02\0\0\0ab\x07\0\0\0default\x06\x06\x01\0\0\0x";
    let (echo, _) = component("echo");
    unsafe {
        let mut error: wavs_rt_error = zeroed();
        let bare = wavs_rt_bare_new(slice_of(&echo), 1, &mut error);
        assert!(wavs_rt_bare_run(bare, slice_of(input), 2, &mut error) > 0);
        assert_eq!(wavs_rt_bare_run(bare, slice_of(b"?"), 2, &mut error), 0);
        assert_eq!(error.status, wavs_rt_status::InvalidInput as u32);
        wavs_rt_buf_release(error.message);
        wavs_rt_bare_free(bare);
        wavs_rt_bare_free(null_mut());
        assert!(wavs_rt_bare_new(slice_of(b"?"), 0, &mut error).is_null());
        assert_eq!(error.status, wavs_rt_status::Compile as u32);
        wavs_rt_buf_release(error.message);
        assert_eq!(wavs_rt_bare_run(null_mut(), slice_of(input), 1, null_mut()), 0);
    }
}

#[test]
fn misuse_is_answered() {
    let bed = Bed::new();
    let (user, ended) = ticket();
    assert_eq!(unsafe { wavs_rt_run(bed.engine, null(), Some(run_done), user) }, 0);
    assert_eq!(ended.recv().unwrap().status, wavs_rt_status::InvalidInput as u32);
    let (user, ended) = ticket();
    unsafe { wavs_rt_component_load(null_mut(), null(), Some(load_done), user) };
    assert_eq!(ended.recv().unwrap().status, wavs_rt_status::InvalidInput as u32);
    let (user, ended) = ticket();
    let request = wavs_rt_run_request { export_: 9, ..unsafe { zeroed() } };
    unsafe { wavs_rt_run(bed.engine, &request, Some(run_done), user) };
    assert_eq!(ended.recv().unwrap().message, "unknown export");
    unsafe {
        let mut error: wavs_rt_error = zeroed();
        assert!(wavs_rt_engine_new(null(), null(), &mut error).is_null());
        assert_eq!(error.status, wavs_rt_status::InvalidInput as u32);
        wavs_rt_buf_release(error.message);
        assert!(wavs_rt_service_new(slice_of(b"?"), &mut error).is_null());
        assert_eq!(error.status, wavs_rt_status::InvalidInput as u32);
        wavs_rt_buf_release(error.message);
        wavs_rt_service_free(null_mut());
        wavs_rt_engine_free(null_mut());
        assert_eq!(wavs_rt_run_cancel(bed.engine, 12345), 0);
        wavs_rt_engine_shutdown(bed.engine, 0);
    }
    assert_eq!(bed.run([0; 32], "x").status, wavs_rt_status::Cancelled as u32);
}
