// SPDX-License-Identifier: Apache-2.0
//! The sources of wavs-p2p that need no libp2p, which takes minutes to build and would be most of what a
//! fuzzer sees.
// These are not public where they come from, so this rule does not meet them there.
#![allow(clippy::new_without_default)]

#[path = "../../wavs-p2p/src/id_hash.rs"]
pub mod id_hash;
#[path = "../../wavs-p2p/src/request.rs"]
pub mod request;
#[path = "../../wavs-p2p/src/split.rs"]
pub mod split;
#[path = "../../wavs-p2p/src/topic.rs"]
pub mod topic;
