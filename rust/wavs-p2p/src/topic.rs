// SPDX-License-Identifier: Apache-2.0
//! Service ids and the topics named after them.

use std::fmt;

const PREFIX: &str = "wavs/";
const SUFFIX: &str = "/topic/v1";
const HEX_LEN: usize = 64;

/// Bytes of every topic string.
pub const TOPIC_LEN: usize = PREFIX.len() + HEX_LEN + SUFFIX.len();

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId(pub [u8; 32]);

impl ServiceId {
    /// 64 hex digits of either case, with or without `0x`, as other nodes accept them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
        if digits.len() != HEX_LEN {
            return None;
        }
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(id))
    }

    pub fn topic(&self) -> String {
        format!("{PREFIX}{self}{SUFFIX}")
    }

    /// The service of a topic. Only the one spelling that nodes use: a second spelling of one service
    /// would be a second topic.
    pub fn from_topic(topic: &str) -> Option<Self> {
        let hex = topic.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        let canonical = hex.len() == HEX_LEN && !hex.bytes().any(|digit| digit.is_ascii_uppercase());
        canonical.then(|| Self::from_hex(hex)).flatten()
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
