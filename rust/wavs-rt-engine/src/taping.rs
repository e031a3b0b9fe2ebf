// SPDX-License-Identifier: Apache-2.0
//! A run with a tape: what is set up before it, and the record that comes of it.

use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi::clocks::{MonotonicClock, WallClock};
use wasmtime_wasi::{Rng, WasiCtxBuilder, thread_rng};

use crate::failure::{Failure, Status};
use crate::host::HostCallbacks;
use crate::inflight::Stop;
use crate::record::{self, Record};
use crate::run::RunRequest;
use crate::tape::Tape;
use crate::tape_host::{Seed, Taped, TapedClock, TapedRandom};

/// Seeded clocks begin somewhere in so many seconds, about ten years.
const SHIFT_SECONDS: u64 = 300_000_000;

pub struct Taping {
    pub tape: Arc<Tape>,
    /// The request as it came, for the record.
    request: RunRequest,
    insecure_seed: u128,
    files: record::Files,
}

impl Taping {
    /// None when the request asks for no record. A seed also turns the order of the environment.
    pub fn of(request: &mut RunRequest) -> Option<Self> {
        if request.record == 0 {
            return None;
        }
        if request.seed != 0 && !request.env.is_empty() {
            let turn = request.seed % request.env.len() as u64;
            request.env.rotate_left(turn as usize);
        }
        let tape = Tape::record(request.record);
        let mut files = Vec::new();
        if let Some(dir) = &request.data_dir {
            match record::read_files(dir, request.record) {
                Ok(Some(read)) => files = read,
                Ok(None) => tape.incomplete("the files it could see are too large"),
                Err(error) => tape.incomplete(&format!("its files cannot be read: {error}")),
            }
        }
        let start = if request.seed == 0 { thread_rng().next_u64() } else { request.seed };
        let insecure_seed = Seed(start).next_u128();
        Some(Self { tape: Arc::new(tape), request: request.clone(), insecure_seed, files })
    }

    /// The other way round: the request of a record, going the recorded way.
    pub fn replay(record: Record, stop: Arc<Stop>) -> (RunRequest, Self) {
        let tape = Arc::new(Tape::replay(record.calls, move || stop.ask()));
        let (low, high) = record.insecure_seed;
        let insecure_seed = u128::from(high) << 64 | u128::from(low);
        let request = record.request.clone();
        (request, Self { tape, request: record.request, insecure_seed, files: Vec::new() })
    }

    pub fn callbacks(&self, node: Arc<dyn HostCallbacks>) -> Arc<dyn HostCallbacks> {
        Arc::new(Taped { node, tape: Arc::clone(&self.tape) })
    }

    /// Clocks and random numbers through the tape.
    pub fn set_sources(&self, builder: &mut WasiCtxBuilder) {
        let seed = self.request.seed;
        let mut random = Seed(seed);
        let mut shift = || match seed {
            0 => Duration::ZERO,
            _ => Duration::from_secs(random.next_u64() % SHIFT_SECONDS),
        };
        let (wall, monotonic) = (shift(), shift());
        let tape = || Arc::clone(&self.tape);
        builder.wall_clock(TapedClock { clock: WallClock, shift: wall, tape: tape() });
        let clock = MonotonicClock::default();
        builder.monotonic_clock(TapedClock { clock, shift: monotonic, tape: tape() });
        let source = |start: u64| -> Box<dyn Rng + Send> {
            match seed {
                0 => thread_rng(),
                _ => Box::new(Seed(seed ^ start)),
            }
        };
        builder.secure_random(TapedRandom { random: source(1), name: "random", tape: tape() });
        let insecure = TapedRandom { random: source(2), name: "insecure-random", tape: tape() };
        builder.insecure_random(insecure);
        builder.insecure_random_seed(self.insecure_seed);
    }

    /// The record, or for a replay: whether it went the recorded way.
    pub fn finish(self, result: Result<Vec<u8>, Failure>) -> (Result<Vec<u8>, Failure>, Vec<u8>) {
        if self.tape.replays() {
            let left =
                |text| Failure::new(Status::InvalidInput, format!("the run left the recorded way: {text}"));
            let result = self.tape.diverged().map_or(result, |text| Err(left(text)));
            return (result, Vec::new());
        }
        let (calls, incomplete) = self.tape.finish();
        let ended = result.clone().map_err(|failure| (failure.status as u32, failure.message));
        let insecure_seed = (self.insecure_seed as u64, (self.insecure_seed >> 64) as u64);
        let record =
            Record { request: self.request, insecure_seed, files: self.files, calls, incomplete, ended };
        (result, record.encode())
    }
}
