// SPDX-License-Identifier: Apache-2.0
//! The node's callbacks, seen from the engine.

use std::ffi::c_void;

use ::wavs_rt_engine::{
    CasAnswer, CosmosChainConfig, EvmChainConfig, HostCallbacks, KeyResponse, KvError, LogLevel, LogSource,
    Origin, flat,
};

use crate::abi::{wavs_rt_answer, wavs_rt_buf, wavs_rt_callbacks, wavs_rt_chain_family, wavs_rt_origin};
use crate::bytes::{EMPTY, buf_into, slice_of};

/// A pointer of the C++ side that travels with a call.
#[derive(Clone, Copy)]
pub struct User(pub *mut c_void);

// SAFETY: the header asks the C++ side for a pointer that any thread may use.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

/// The callbacks struct, shared by all guest threads.
pub struct ForeignHost {
    table: wavs_rt_callbacks,
}

// SAFETY: the header asks for functions and a `user` that any thread may use.
unsafe impl Send for ForeignHost {}
// SAFETY: as above.
unsafe impl Sync for ForeignHost {}

fn c_origin(origin: &Origin) -> wavs_rt_origin {
    wavs_rt_origin {
        export_: origin.export as u32,
        service_id: origin.service_id,
        digest: origin.digest,
        trace_id: origin.trace_id,
        workflow_id: slice_of(origin.workflow_id.as_bytes()),
    }
}

/// The bytes a callback stored, in any case taken over.
fn taken(out: wavs_rt_buf) -> Vec<u8> {
    // SAFETY: the header demands a buffer of this library or none.
    unsafe { buf_into(out) }
}

/// What an answer other than Ok means to a guest.
fn refused(answer: u32, out: Vec<u8>) -> KvError {
    const NO_SUCH_STORE: u32 = wavs_rt_answer::NoSuchStore as u32;
    const ACCESS_DENIED: u32 = wavs_rt_answer::AccessDenied as u32;
    const OTHER: u32 = wavs_rt_answer::Other as u32;
    match answer {
        NO_SUCH_STORE => KvError::NoSuchStore,
        ACCESS_DENIED => KvError::AccessDenied,
        OTHER => KvError::Other(String::from_utf8_lossy(&out).into_owned()),
        _ => KvError::Other(format!("the node answered {answer}")),
    }
}

const OK: u32 = wavs_rt_answer::Ok as u32;
const ABSENT: u32 = wavs_rt_answer::Absent as u32;
const CHANGED: u32 = wavs_rt_answer::Changed as u32;

impl ForeignHost {
    pub fn new(table: wavs_rt_callbacks) -> Self {
        Self { table }
    }

    fn chain_config<T: flat::Flat>(
        &self,
        origin: &Origin,
        family: wavs_rt_chain_family,
        chain_key: &str,
    ) -> Option<T> {
        let ask = self.table.chain_config?;
        let mut out = EMPTY;
        let key = slice_of(chain_key.as_bytes());
        // SAFETY: every pointer is valid during the call.
        let answer = unsafe { ask(self.table.user, &c_origin(origin), family as u32, key, &mut out) };
        let bytes = taken(out);
        if answer == OK { flat::decode(&bytes).ok() } else { None }
    }
}

impl HostCallbacks for ForeignHost {
    fn log(&self, origin: &Origin, level: LogLevel, source: LogSource, text: &str) {
        if let Some(log) = self.table.log {
            let text = slice_of(text.as_bytes());
            // SAFETY: every pointer is valid during the call.
            unsafe { log(self.table.user, &c_origin(origin), level as u32, source as u32, text) }
        }
    }

    fn evm_chain_config(&self, origin: &Origin, chain_key: &str) -> Option<EvmChainConfig> {
        self.chain_config(origin, wavs_rt_chain_family::Evm, chain_key)
    }

    fn cosmos_chain_config(&self, origin: &Origin, chain_key: &str) -> Option<CosmosChainConfig> {
        self.chain_config(origin, wavs_rt_chain_family::Cosmos, chain_key)
    }

    fn event_id(&self, origin: &Origin, salt: &[u8]) -> Option<[u8; 20]> {
        let ask = self.table.event_id?;
        let mut id = [0; 20];
        // SAFETY: every pointer is valid during the call; `id` has the 20 bytes promised.
        let answer = unsafe { ask(self.table.user, &c_origin(origin), slice_of(salt), id.as_mut_ptr()) };
        (answer == OK).then_some(id)
    }

    fn kv_get(&self, origin: &Origin, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        let ask = self.table.kv_get.ok_or(KvError::AccessDenied)?;
        let (bucket, key, mut out) = (slice_of(bucket.as_bytes()), slice_of(key.as_bytes()), EMPTY);
        // SAFETY: every pointer is valid during the call.
        let answer = unsafe { ask(self.table.user, &c_origin(origin), bucket, key, &mut out) };
        match (answer, taken(out)) {
            (OK, value) => Ok(Some(value)),
            (ABSENT, _) => Ok(None),
            (other, text) => Err(refused(other, text)),
        }
    }

    fn kv_exists(&self, origin: &Origin, bucket: &str, key: &str) -> Result<bool, KvError> {
        let ask = self.table.kv_exists.ok_or(KvError::AccessDenied)?;
        let (bucket, key, mut out) = (slice_of(bucket.as_bytes()), slice_of(key.as_bytes()), EMPTY);
        // SAFETY: every pointer is valid during the call.
        let answer = unsafe { ask(self.table.user, &c_origin(origin), bucket, key, &mut out) };
        match (answer, taken(out)) {
            (OK, _) => Ok(true),
            (ABSENT, _) => Ok(false),
            (other, text) => Err(refused(other, text)),
        }
    }

    fn kv_set(&self, origin: &Origin, bucket: &str, key: &str, value: &[u8]) -> Result<(), KvError> {
        let ask = self.table.kv_set.ok_or(KvError::AccessDenied)?;
        let (bucket, key, mut out) = (slice_of(bucket.as_bytes()), slice_of(key.as_bytes()), EMPTY);
        let value = slice_of(value);
        // SAFETY: every pointer is valid during the call.
        let answer = unsafe { ask(self.table.user, &c_origin(origin), bucket, key, value, &mut out) };
        let text = taken(out);
        if answer == OK { Ok(()) } else { Err(refused(answer, text)) }
    }

    fn kv_delete(&self, origin: &Origin, bucket: &str, key: &str) -> Result<(), KvError> {
        let ask = self.table.kv_delete.ok_or(KvError::AccessDenied)?;
        let (bucket, key, mut out) = (slice_of(bucket.as_bytes()), slice_of(key.as_bytes()), EMPTY);
        // SAFETY: every pointer is valid during the call.
        let answer = unsafe { ask(self.table.user, &c_origin(origin), bucket, key, &mut out) };
        let text = taken(out);
        if answer == OK || answer == ABSENT { Ok(()) } else { Err(refused(answer, text)) }
    }

    fn kv_list(&self, origin: &Origin, bucket: &str, cursor: Option<&str>) -> Result<KeyResponse, KvError> {
        let ask = self.table.kv_list.ok_or(KvError::AccessDenied)?;
        let (bucket, mut out) = (slice_of(bucket.as_bytes()), EMPTY);
        let cursor = cursor.map(|cursor| slice_of(cursor.as_bytes()));
        let cursor = cursor.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: every pointer is valid during the call, or null where the header allows it.
        let answer = unsafe { ask(self.table.user, &c_origin(origin), bucket, cursor, &mut out) };
        match (answer, taken(out)) {
            (OK, page) => {
                flat::decode(&page).map_err(|_| KvError::Other("the node's key list is damaged".into()))
            }
            (other, text) => Err(refused(other, text)),
        }
    }

    fn kv_increment(&self, origin: &Origin, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        let ask = self.table.kv_increment.ok_or(KvError::AccessDenied)?;
        let (bucket, key, mut out) = (slice_of(bucket.as_bytes()), slice_of(key.as_bytes()), EMPTY);
        let mut sum = 0;
        // SAFETY: every pointer is valid during the call.
        let answer =
            unsafe { ask(self.table.user, &c_origin(origin), bucket, key, delta, &mut sum, &mut out) };
        let text = taken(out);
        if answer == OK { Ok(sum) } else { Err(refused(answer, text)) }
    }

    fn kv_cas(
        &self,
        origin: &Origin,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<CasAnswer, KvError> {
        let ask = self.table.kv_cas.ok_or(KvError::AccessDenied)?;
        let (bucket, key, mut out) = (slice_of(bucket.as_bytes()), slice_of(key.as_bytes()), EMPTY);
        let (expected, value) = (expected.map(slice_of), slice_of(value));
        let expected = expected.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: every pointer is valid during the call, or null where the header allows it.
        let answer =
            unsafe { ask(self.table.user, &c_origin(origin), bucket, key, expected, value, &mut out) };
        match (answer, taken(out)) {
            (OK, _) => Ok(CasAnswer::Stored),
            (CHANGED, _) => Ok(CasAnswer::Changed),
            (other, text) => Err(refused(other, text)),
        }
    }
}
