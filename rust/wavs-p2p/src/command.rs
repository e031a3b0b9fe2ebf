// SPDX-License-Identifier: Apache-2.0
//! What the owner asks of the node's thread.

use std::sync::mpsc::SyncSender;

use crate::event::{Token, Verdict};
use crate::status::Status;
use crate::topic::ServiceId;

pub(crate) enum Command {
    Subscribe(ServiceId),
    Unsubscribe(ServiceId),
    Publish(ServiceId, Vec<u8>),
    /// In place of a message of this size that no frame can hold.
    TooLarge(ServiceId, usize),
    Judge(Token, Verdict),
    AnswerCatchup(Token, Vec<u8>),
    RequestCatchup(ServiceId),
    Grant(u64),
    Status(SyncSender<Status>),
    Stop,
}
