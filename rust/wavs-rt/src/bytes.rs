// SPDX-License-Identifier: Apache-2.0
//! Slices that are lent and buffers that are owned.

use std::mem::ManuallyDrop;
use std::ptr::null_mut;

use crate::abi::{wavs_rt_buf, wavs_rt_slice};

pub const EMPTY: wavs_rt_buf = wavs_rt_buf { data: null_mut(), len: 0, capacity: 0 };

/// The bytes of a slice.
///
/// # Safety
/// The slice must point to readable memory of its length for as long as the result is used.
pub unsafe fn slice_bytes(slice: &wavs_rt_slice) -> &[u8] {
    if slice.data.is_null() || slice.len == 0 {
        return &[];
    }
    // SAFETY: readable memory, says the caller.
    unsafe { std::slice::from_raw_parts(slice.data, slice.len) }
}

pub fn slice_of(bytes: &[u8]) -> wavs_rt_slice {
    wavs_rt_slice { data: bytes.as_ptr(), len: bytes.len() }
}

/// Hands a vector over.
pub fn buf_from(bytes: Vec<u8>) -> wavs_rt_buf {
    if bytes.capacity() == 0 {
        return EMPTY;
    }
    let mut bytes = ManuallyDrop::new(bytes);
    wavs_rt_buf { data: bytes.as_mut_ptr(), len: bytes.len(), capacity: bytes.capacity() }
}

/// Takes a vector back.
///
/// # Safety
/// The buffer must come from `buf_from` and must not be used any more.
pub unsafe fn buf_into(buf: wavs_rt_buf) -> Vec<u8> {
    if buf.data.is_null() {
        return Vec::new();
    }
    // SAFETY: these are the parts of a vector that was not dropped.
    unsafe { Vec::from_raw_parts(buf.data, buf.len, buf.capacity) }
}
