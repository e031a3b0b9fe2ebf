// SPDX-License-Identifier: Apache-2.0
//! The libp2p side of a node: finds peers, gossips the messages of services, and asks peers for what was
//! missed. What is in a message, whether it is valid and what is kept of it is the owner's business.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answers;
mod asks;
pub mod catchup;
mod chores;
mod command;
mod config;
mod dialer;
mod event;
mod failure;
mod filter;
pub mod frame;
mod gossip;
mod id_hash;
mod inbox;
mod ip_limit;
mod message_id;
mod node;
mod outbox;
mod rate;
mod request;
mod scoring;
mod split;
mod split_stream;
mod stack;
mod status;
mod swarm_events;
mod topic;
mod verdicts;
mod worker;

pub use config::{Config, Limits, Mode};
pub use event::{Event, EventHandler, PublishFailure, Token, Verdict};
pub use failure::{Failure, FailureKind};
pub use libp2p::PeerId;
pub use message_id::message_id;
pub use node::Node;
pub use stack::IDENTIFY_PROTOCOL;
pub use status::{Counters, PeerStatus, Status, TopicStatus};
pub use topic::ServiceId;
