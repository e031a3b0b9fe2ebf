// SPDX-License-Identifier: Apache-2.0
//! What a run asked its host and what it was told, in order: written down while it runs, or read
//! back so that the run goes the same way without the world it ran in.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::disk::hex;
use crate::flat::{self, Flat};

/// One call: `what` with its arguments as text, `told` as flat bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    pub what: String,
    /// Known only later, such as the body of a request.
    pub detail: String,
    pub told: Vec<u8>,
}

impl Call {
    pub fn text(&self) -> String {
        format!("{}{}", self.what, self.detail)
    }
}

enum Mode {
    Record { limit: usize },
    Replay { diverged: Box<dyn Fn() + Send + Sync> },
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// Replay: the next call.
    next: usize,
    bytes: usize,
    incomplete: Option<String>,
    diverged: Option<String>,
}

/// The calls of one run.
pub struct Tape {
    mode: Mode,
    state: Mutex<State>,
}

impl Tape {
    /// Writes down at most `limit` bytes; a longer record is incomplete.
    pub fn record(limit: usize) -> Self {
        Self { mode: Mode::Record { limit }, state: Mutex::default() }
    }

    /// Reads back; `diverged` is called when the run leaves the recorded way.
    pub fn replay(calls: Vec<Call>, diverged: impl Fn() + Send + Sync + 'static) -> Self {
        let state = State { calls, ..State::default() };
        Self { mode: Mode::Replay { diverged: Box::new(diverged) }, state: Mutex::new(state) }
    }

    pub fn replays(&self) -> bool {
        matches!(self.mode, Mode::Replay { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a call: what `ask` says, or what is on the tape. `nothing` stands in when the
    /// run has left the recorded way, until it ends.
    pub fn call<T: Flat>(&self, what: String, nothing: T, ask: impl FnOnce() -> T) -> T {
        if self.replays() {
            let told = self.next(&what).map(|(_, told)| told);
            return told.and_then(|told| flat::decode(&told).ok()).unwrap_or(nothing);
        }
        let value = ask();
        let number = self.open(what);
        self.tell(number, &flat::encode(&value));
        value
    }

    /// Replay: number and answer of the next call, if it is `what`.
    pub fn next(&self, what: &str) -> Option<(usize, Vec<u8>)> {
        let Mode::Replay { diverged } = &self.mode else { return None };
        let mut state = self.state();
        let number = state.next;
        let text = match state.calls.get(number) {
            Some(call) if call.what == what => {
                let told = call.told.clone();
                state.next += 1;
                return Some((number, told));
            }
            Some(call) => format!("call {} was `{}`, now it is `{what}`", number + 1, call.what),
            None => format!("there were {number} calls, now `{what}` follows"),
        };
        if state.diverged.is_none() {
            state.diverged = Some(text);
        }
        drop(state);
        diverged();
        None
    }

    /// Record: the number of a call whose answer comes later.
    pub fn open(&self, what: String) -> usize {
        let mut state = self.state();
        self.grow(&mut state, what.len());
        state.calls.push(Call { what, ..Call::default() });
        state.calls.len() - 1
    }

    /// Record: more of the answer to call `number`.
    pub fn tell(&self, number: usize, told: &[u8]) {
        let mut state = self.state();
        if self.grow(&mut state, told.len())
            && let Some(call) = state.calls.get_mut(number)
        {
            call.told.extend_from_slice(told);
        }
    }

    /// Record: more about call `number` itself.
    pub fn detail(&self, number: usize, detail: String) {
        if let Some(call) = self.state().calls.get_mut(number) {
            call.detail = detail;
        }
    }

    /// Record: something happened that no tape can hold.
    pub fn incomplete(&self, why: &str) {
        self.state().incomplete.get_or_insert_with(|| why.into());
    }

    fn grow(&self, state: &mut State, bytes: usize) -> bool {
        let Mode::Record { limit } = self.mode else { return false };
        state.bytes = state.bytes.saturating_add(bytes);
        let fits = state.bytes <= limit;
        if !fits {
            state.incomplete.get_or_insert_with(|| format!("it is longer than {limit} bytes"));
        }
        fits
    }

    /// Record: what was written down, and what is missing.
    pub fn finish(&self) -> (Vec<Call>, Option<String>) {
        let mut state = self.state();
        (std::mem::take(&mut state.calls), state.incomplete.take())
    }

    /// Replay: where the run left the recorded way.
    pub fn diverged(&self) -> Option<String> {
        let state = self.state();
        let left = state.calls.len() - state.next;
        let early = || format!("{left} calls are left, the first is `{}`", state.calls[state.next].what);
        state.diverged.clone().or_else(|| (left > 0).then(early))
    }
}

/// Bytes in a call's text: short ones in full, long ones by digest.
pub fn shown(bytes: &[u8]) -> String {
    const SHORT: usize = 32;
    if bytes.len() <= SHORT {
        return format!("0x{}", hex(bytes));
    }
    format!("{} bytes with SHA-256 {}", bytes.len(), hex(&Sha256::digest(bytes)))
}
