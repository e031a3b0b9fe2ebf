// SPDX-License-Identifier: Apache-2.0
//! Two nodes as a C caller uses them.
// SAFETY, for all of this file: pointers come from live Rust values or from the library, buffers are
// taken over once, zeroed structs have only nullable fields.

use std::ffi::c_void;
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ::wavs_rt_engine::flat::{Flat, Reader};

use crate::abi::{wavs_rt_buf, wavs_rt_error, wavs_rt_slice};
use crate::bytes::{EMPTY, buf_into, slice_bytes, slice_of};
use crate::p2p::*;
use crate::p2p_abi::*;

const PATIENCE: Duration = Duration::from_secs(30);
const SERVICE: [u8; 32] = [7; 32];

struct Seen {
    events: Sender<Vec<u8>>,
    ended: Sender<u32>,
}

unsafe extern "C" fn event(user: *mut c_void, event: wavs_rt_buf) {
    unsafe {
        let _ = (*user.cast::<Seen>()).events.send(buf_into(event));
    }
}

unsafe extern "C" fn ended(user: *mut c_void, status: u32, message: wavs_rt_slice) {
    unsafe {
        assert!(slice_bytes(&message).is_empty());
        (*user.cast::<Seen>()).ended.send(status).unwrap();
    }
}

struct Held {
    node: *mut wavs_p2p,
    events: Receiver<Vec<u8>>,
    ended: Receiver<u32>,
    seen: *mut Seen,
}

fn options(identity: u8) -> wavs_p2p_options {
    let mut options: wavs_p2p_options = unsafe { zeroed() };
    options.mode = wavs_p2p_mode::Remote as u32;
    options.identity = [identity; 32];
    options
}

fn start(identity: u8, bootstrap: &[wavs_rt_slice]) -> Held {
    let ((events, received), (ending, end)) = (channel(), channel());
    let seen = Box::into_raw(Box::new(Seen { events, ended: ending }));
    let listen = [slice_of(b"/ip4/127.0.0.1/tcp/0")];
    let mut options = options(identity);
    (options.listen, options.listen_len) = (listen.as_ptr(), listen.len());
    (options.bootstrap, options.bootstrap_len) = (bootstrap.as_ptr(), bootstrap.len());
    let callbacks = wavs_p2p_callbacks { user: seen.cast(), event: Some(event), ended: Some(ended) };
    let node = unsafe { wavs_p2p_new(&options, &callbacks, null_mut()) };
    assert!(!node.is_null());
    assert_eq!(unsafe { wavs_p2p_grant(node, 100, null_mut()) }, 0);
    Held { node, events: received, ended: end, seen }
}

impl Held {
    /// The next event of this case, behind its tag.
    fn event(&self, case: u8) -> Vec<u8> {
        loop {
            let event = self.events.recv_timeout(PATIENCE).unwrap();
            if event[0] == case {
                return event[1..].to_vec();
            }
        }
    }

    fn end(self) {
        unsafe {
            wavs_p2p_stop(self.node);
            assert_eq!(self.ended.try_recv().unwrap(), wavs_p2p_status::Ok as u32);
            let mut error = wavs_rt_error { status: 0, message: EMPTY };
            assert_eq!(wavs_p2p_grant(self.node, 1, &mut error), 1);
            assert_eq!(error.status, wavs_p2p_status::Stopped as u32);
            buf_into(error.message);
            wavs_p2p_free(self.node);
            assert!(self.ended.try_recv().is_err());
            drop(Box::from_raw(self.seen));
        }
    }
}

fn text(from: &mut Reader<'_>) -> String {
    String::get(from).unwrap()
}

#[test]
fn two_nodes_exchange_a_message_and_a_catchup() {
    let first = start(1, &[]);
    let address = text(&mut Reader::new(&first.event(6)));
    let second = start(2, &[slice_of(address.as_bytes())]);
    for node in [&first, &second] {
        node.event(3);
        assert_eq!(unsafe { wavs_p2p_subscribe(node.node, SERVICE.as_ptr(), null_mut()) }, 0);
    }

    let request = second.event(1);
    let mut from = Reader::new(&request);
    let token = u64::get(&mut from).unwrap();
    let asking = text(&mut from);
    assert_eq!(Vec::<u8>::get(&mut from).unwrap(), SERVICE);
    let answered = unsafe { wavs_p2p_answer_catchup(second.node, token, slice_of(b"{}"), null_mut()) };
    assert_eq!(answered, 0);
    let answer = first.event(2);
    let mut from = Reader::new(&answer);
    let answering = text(&mut from);
    assert_eq!(Vec::<u8>::get(&mut from).unwrap(), SERVICE);
    assert_eq!(Vec::<u8>::get(&mut from).unwrap(), b"{}");

    let data = slice_of(b"signed");
    assert_eq!(unsafe { wavs_p2p_publish(first.node, SERVICE.as_ptr(), data, null_mut()) }, 0);
    let message = second.event(0);
    let mut from = Reader::new(&message);
    let token = u64::get(&mut from).unwrap();
    assert_eq!([text(&mut from), text(&mut from)], [asking.clone(), asking.clone()]);
    assert_eq!(Vec::<u8>::get(&mut from).unwrap(), SERVICE);
    assert_eq!(Vec::<u8>::get(&mut from).unwrap(), b"signed");
    from.finish().unwrap();
    let accept = wavs_p2p_verdict::Accept as u32;
    assert_eq!(unsafe { wavs_p2p_judge(second.node, token, accept, null_mut()) }, 0);
    check_status(&second, &answering, &asking);
    first.end();
    second.end();
}

fn check_status(node: &Held, own: &str, other: &str) {
    let mut out = EMPTY;
    assert_eq!(unsafe { wavs_p2p_get_status(node.node, &mut out, null_mut()) }, 0);
    let status = unsafe { buf_into(out) };
    let mut from = Reader::new(&status);
    assert_eq!(text(&mut from), own);
    for addresses in [Vec::<String>::get(&mut from).unwrap(), Vec::get(&mut from).unwrap()] {
        assert!(addresses[0].ends_with(own), "{addresses:?}");
    }
    assert_eq!(u32::get(&mut from).unwrap(), 1);
    assert_eq!(text(&mut from), other);
    assert!(f32::get(&mut from).unwrap() >= 0.0);
    text(&mut from);
    assert!(!bool::get(&mut from).unwrap());
    assert_eq!(u32::get(&mut from).unwrap(), 1);
    assert_eq!(Vec::<u8>::get(&mut from).unwrap(), SERVICE);
    assert_eq!(u32::get(&mut from).unwrap(), 1);
    u32::get(&mut from).unwrap();
    let counters: Vec<_> = (0..18).map(|_| u64::get(&mut from).unwrap()).collect();
    assert_eq!(counters[..2], [1, 1]);
    let rest: Vec<_> = (0..4).map(|_| u64::get(&mut from).unwrap()).collect();
    assert_eq!((rest[0], rest[1], rest[3]), (0, 0, 0));
    from.finish().unwrap();
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    let refused = |options: *const wavs_p2p_options| {
        let callbacks: wavs_p2p_callbacks = unsafe { zeroed() };
        let mut error = wavs_rt_error { status: 0, message: EMPTY };
        let node = unsafe { wavs_p2p_new(options, &callbacks, &mut error) };
        assert!(node.is_null());
        (error.status, String::from_utf8(unsafe { buf_into(error.message) }).unwrap())
    };
    let invalid = wavs_p2p_status::Invalid as u32;
    assert_eq!(refused(null()), (invalid, "null options or callbacks".to_owned()));
    let mut options = options(1);
    options.mode = 9;
    assert_eq!(refused(&options), (invalid, "unknown mode".to_owned()));
    options.mode = wavs_p2p_mode::Remote as u32;
    options.listen_port = 65_536;
    assert_eq!(refused(&options).0, invalid);
    options.listen_port = 0;
    let nodes = [slice_of(b"no address")];
    (options.bootstrap, options.bootstrap_len) = (nodes.as_ptr(), 1);
    assert!(refused(&options).1.contains("no address"));

    let held = start(1, &[]);
    let mut error = wavs_rt_error { status: 0, message: EMPTY };
    unsafe {
        assert_eq!(wavs_p2p_publish(held.node, SERVICE.as_ptr(), slice_of(b"x"), &mut error), 1);
        assert_eq!(error.status, wavs_p2p_status::NotSubscribed as u32);
        buf_into(error.message);
        assert_eq!(wavs_p2p_judge(held.node, 1, 3, null_mut()), 1);
        assert_eq!(wavs_p2p_subscribe(held.node, null(), null_mut()), 1);
        assert_eq!(wavs_p2p_grant(null_mut(), 1, null_mut()), 1);
        assert_eq!(wavs_p2p_get_status(held.node, null_mut(), null_mut()), 1);
        wavs_p2p_stop(null_mut());
        wavs_p2p_free(null_mut());
    }
    held.end();
}
