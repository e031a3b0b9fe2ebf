// SPDX-License-Identifier: Apache-2.0
//! How a call ends when it does not end well.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// What was given cannot be used: an address, an interval, a size.
    Invalid,
    /// The configured address cannot be listened on.
    Listen,
    /// The service is not subscribed, so nothing is published for it.
    NotSubscribed,
    /// A bound is reached; the same call may succeed later.
    Overloaded,
    /// The node has ended.
    Stopped,
    Internal,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Invalid, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Internal, message)
    }

    pub(crate) fn stopped() -> Self {
        Self::new(FailureKind::Stopped, "the p2p node has ended")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
