// SPDX-License-Identifier: Apache-2.0
//! A number of bytes that several writers use up together.

use std::sync::{Mutex, PoisonError};

pub struct Budget {
    state: Mutex<State>,
}

struct State {
    left: usize,
    cut: bool,
}

/// What a request got.
pub struct Granted {
    pub bytes: usize,
    /// True once per budget: this request is the first that did not get all.
    pub first_cut: bool,
}

impl Budget {
    pub fn new(bytes: usize) -> Self {
        Self { state: Mutex::new(State { left: bytes, cut: false }) }
    }

    pub fn take(&self, wanted: usize) -> Granted {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = wanted.min(state.left);
        state.left -= bytes;
        let first_cut = bytes < wanted && !state.cut;
        state.cut |= first_cut;
        Granted { bytes, first_cut }
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn announces_the_first_cut_once() {
        let budget = Budget::new(5);
        assert_eq!((budget.take(3).bytes, budget.take(2).first_cut), (3, false));
        let cut = budget.take(4);
        assert!(cut.bytes == 0 && cut.first_cut);
        assert!(!budget.take(4).first_cut);
    }
}
