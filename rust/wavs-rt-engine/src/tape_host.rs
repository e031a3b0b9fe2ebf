// SPDX-License-Identifier: Apache-2.0
//! The node's answers, the clocks and the random numbers of a run, through a tape.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rand_core::{Rng, TryRng};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

use crate::bindings::{CosmosChainConfig, EvmChainConfig, KeyResponse, KvError};
use crate::flat::Flat;
use crate::host::{CasAnswer, HostCallbacks, LogLevel, LogSource, Origin};
use crate::tape::{Tape, shown};

/// Errors of the key-value store in flat form.
type Told<T> = Result<T, (u8, String)>;

fn told<T>(result: Result<T, KvError>) -> Told<T> {
    result.map_err(|error| match error {
        KvError::NoSuchStore => (0, String::new()),
        KvError::AccessDenied => (1, String::new()),
        KvError::Other(text) => (2, text),
    })
}

fn heard<T>(told: Told<T>) -> Result<T, KvError> {
    told.map_err(|(tag, text)| match tag {
        0 => KvError::NoSuchStore,
        1 => KvError::AccessDenied,
        _ => KvError::Other(text),
    })
}

/// `HostCallbacks` of a run with a tape; log lines go on to the node, so that a replay shows them.
pub struct Taped {
    pub node: Arc<dyn HostCallbacks>,
    pub tape: Arc<Tape>,
}

impl Taped {
    fn ask<T: Flat>(&self, what: String, ask: impl FnOnce() -> Result<T, KvError>) -> Result<T, KvError> {
        let nothing = Err((2, "the replay left the recorded way".into()));
        heard(self.tape.call(what, nothing, || told(ask())))
    }
}

impl HostCallbacks for Taped {
    fn log(&self, origin: &Origin, level: LogLevel, source: LogSource, text: &str) {
        // What the library itself says does not come from the guest.
        if source != LogSource::Notice {
            let kind = format!("{source:?}.{level:?}").to_lowercase();
            self.tape.call(format!("{kind} {text:?}"), true, || true);
        }
        self.node.log(origin, level, source, text);
    }

    fn evm_chain_config(&self, origin: &Origin, key: &str) -> Option<EvmChainConfig> {
        let what = format!("host.get-evm-chain-config {key:?}");
        self.tape.call(what, None, || self.node.evm_chain_config(origin, key))
    }

    fn cosmos_chain_config(&self, origin: &Origin, key: &str) -> Option<CosmosChainConfig> {
        let what = format!("host.get-cosmos-chain-config {key:?}");
        self.tape.call(what, None, || self.node.cosmos_chain_config(origin, key))
    }

    fn event_id(&self, origin: &Origin, salt: &[u8]) -> Option<[u8; 20]> {
        let ask = || self.node.event_id(origin, salt).map(|id| id.to_vec());
        let id = self.tape.call(format!("host.get-event-id {}", shown(salt)), None, ask);
        id.and_then(|id| id.try_into().ok())
    }

    fn kv_get(&self, origin: &Origin, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.ask(format!("keyvalue.get {bucket:?} {key:?}"), || self.node.kv_get(origin, bucket, key))
    }

    fn kv_exists(&self, origin: &Origin, bucket: &str, key: &str) -> Result<bool, KvError> {
        self.ask(format!("keyvalue.exists {bucket:?} {key:?}"), || self.node.kv_exists(origin, bucket, key))
    }

    fn kv_set(&self, origin: &Origin, bucket: &str, key: &str, value: &[u8]) -> Result<(), KvError> {
        let set = || self.node.kv_set(origin, bucket, key, value).map(|()| true);
        self.ask(format!("keyvalue.set {bucket:?} {key:?} {}", shown(value)), set).map(|_| ())
    }

    fn kv_delete(&self, origin: &Origin, bucket: &str, key: &str) -> Result<(), KvError> {
        let delete = || self.node.kv_delete(origin, bucket, key).map(|()| true);
        self.ask(format!("keyvalue.delete {bucket:?} {key:?}"), delete).map(|_| ())
    }

    fn kv_list(&self, origin: &Origin, bucket: &str, cursor: Option<&str>) -> Result<KeyResponse, KvError> {
        let list = || self.node.kv_list(origin, bucket, cursor);
        self.ask(format!("keyvalue.list-keys {bucket:?} from {cursor:?}"), list)
    }

    fn kv_increment(&self, origin: &Origin, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        let increment = || self.node.kv_increment(origin, bucket, key, delta);
        self.ask(format!("keyvalue.increment {bucket:?} {key:?} {delta}"), increment)
    }

    fn kv_cas(
        &self,
        origin: &Origin,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<CasAnswer, KvError> {
        let expected_text = expected.map_or("nothing".into(), shown);
        let what = format!("keyvalue.swap {bucket:?} {key:?} {expected_text} to {}", shown(value));
        let swap = || self.node.kv_cas(origin, bucket, key, expected, value);
        let stored = self.ask(what, || swap().map(|answer| answer == CasAnswer::Stored));
        stored.map(|stored| if stored { CasAnswer::Stored } else { CasAnswer::Changed })
    }
}

/// Where the world of a run begins: moved by a seed, so that runs of one component see different
/// clocks and random numbers.
pub struct Seed(pub u64);

impl Seed {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn next_u128(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

impl TryRng for Seed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// A clock of either kind; `shift` is added to what the machine says.
pub struct TapedClock<C> {
    pub clock: C,
    pub shift: Duration,
    pub tape: Arc<Tape>,
}

impl<C: HostWallClock> HostWallClock for TapedClock<C> {
    fn resolution(&self) -> Duration {
        self.clock.resolution()
    }

    fn now(&self) -> Duration {
        let now = || (self.clock.now() + self.shift).as_nanos() as u64;
        Duration::from_nanos(self.tape.call("wall-clock.now".into(), 0, now))
    }
}

impl<C: HostMonotonicClock> HostMonotonicClock for TapedClock<C> {
    fn resolution(&self) -> u64 {
        self.clock.resolution()
    }

    fn now(&self) -> u64 {
        let now = || self.clock.now() + self.shift.as_nanos() as u64;
        self.tape.call("monotonic-clock.now".into(), 0, now)
    }
}

/// Random numbers of either kind.
pub struct TapedRandom {
    pub random: Box<dyn Rng + Send>,
    pub name: &'static str,
    pub tape: Arc<Tape>,
}

impl TapedRandom {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let random = &mut self.random;
        let ask = || {
            let mut bytes = vec![0; len];
            random.fill_bytes(&mut bytes);
            bytes
        };
        let mut bytes = self.tape.call(format!("{} {len} bytes", self.name), vec![0; len], ask);
        bytes.resize(len, 0);
        bytes
    }
}

impl TryRng for TapedRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        word.copy_from_slice(&self.bytes(8));
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.bytes(bytes.len()));
        Ok(())
    }
}
