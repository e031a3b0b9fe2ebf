// SPDX-License-Identifier: Apache-2.0
//! What benchmarks measure the engine against.

use crate::support::*;
use wavs_rt_engine::flat::encode;
use wavs_rt_engine::*;

#[test]
fn runs_with_and_without_metering() {
    for metering in [Metering::On, Metering::Off] {
        let bare = Bare::new(&wasm("echo"), metering).unwrap();
        assert!(!bare.run(&encode(&raw(b"hi")), 3).unwrap().is_zero());
    }
}

#[test]
fn a_run_that_fails_is_no_figure() {
    let bare = Bare::new(&wasm("echo"), Metering::On).unwrap();
    let failure = bare.run(&encode(&raw(b"configvar:none")), 3).unwrap_err();
    assert_eq!((failure.status, failure.message.as_str()), (Status::ExecResult, "config var none not found"));
    assert_eq!(bare.run(b"?", 3).unwrap_err().status, Status::InvalidInput);
    let probe = Bare::new(&wasm("probe"), Metering::On).unwrap();
    assert_eq!(probe.run(&encode(&raw(b"crash")), 1).unwrap_err().status, Status::ComponentError);
}

#[test]
fn only_operator_components_are_taken() {
    assert_eq!(Bare::new(b"?", Metering::On).err().unwrap().status, Status::Compile);
    let aggregator = Bare::new(&wasm("simple_aggregator"), Metering::On);
    assert_eq!(aggregator.err().unwrap().status, Status::Instantiate);
}
