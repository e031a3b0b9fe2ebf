// SPDX-License-Identifier: Apache-2.0
//! How things end when they do not end well.

use std::fmt;

/// The numbers are those of the C header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    Ok = 0,
    NotFound = 1,
    Compile = 2,
    Instantiate = 3,
    OutOfFuel = 4,
    OutOfTime = 5,
    ComponentError = 6,
    ExecResult = 7,
    InvalidInput = 8,
    Filesystem = 9,
    Cancelled = 10,
    NeedsNewerNode = 11,
    Panic = 12,
    Internal = 13,
}

impl Status {
    /// One more than the highest number.
    pub const COUNT: usize = 14;
}

/// A status other than Ok and the text for the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub status: Status,
    pub message: String,
}

/// A guest controls parts of messages (symbol names, error texts), so their size is bounded.
const MAX_MESSAGE: usize = 16 * 1024;
/// What a guest itself gives as its error, which goes to the node's log and status.
const MAX_RESULT: usize = 64 * 1024;

impl Failure {
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        let mut message = message.into();
        let most = if status == Status::ExecResult { MAX_RESULT } else { MAX_MESSAGE };
        if message.len() > most {
            let mut end = most;
            while !message.is_char_boundary(end) {
                end -= 1;
            }
            message.truncate(end);
            message.push_str(" ...");
        }
        Self { status, message }
    }

    /// With the whole chain of causes in the text.
    pub fn from_error(status: Status, error: &wasmtime::Error) -> Self {
        Self::new(status, format!("{error:#}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.status, self.message)
    }
}

impl std::error::Error for Failure {}
