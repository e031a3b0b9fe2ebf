// SPDX-License-Identifier: Apache-2.0
//! The aggregator world over its example.

use crate::support::*;
use aggregator_output::{AggregatorAction, SubmitAction};
use wavs_rt_engine::flat::{self, encode};
use wavs_rt_engine::*;

fn input() -> AggregatorInput {
    let operator_response = WasmResponse { payload: vec![1], ordering: None, event_id_salt: None };
    AggregatorInput { trigger_action: raw(b"x"), operator_response }
}

fn call(bed: &Bed, digest: [u8; 32], export: Export, config: &[(&str, &str)]) -> Result<Vec<u8>, Failure> {
    let input = encode(&input());
    bed.run(RunRequest { export, input, config: pairs(config), ..text_request(digest, "") }).result
}

fn actions(bytes: &[u8]) -> Vec<AggregatorAction> {
    flat::decode(bytes).unwrap()
}

#[test]
fn submits_to_the_configured_contract() {
    let bed = Bed::new(Options::default());
    let digest = bed.load("simple_aggregator", World::Aggregator);
    let process = |config: &[(&str, &str)]| call(&bed, digest, Export::ProcessInput, config);
    let handler = format!("0x{}", "11".repeat(20));
    let evm = [("chain", "evm:31337"), ("service_handler", &handler), ("gas_strategy", "fast")];
    let found = actions(&process(&evm).unwrap());
    let [AggregatorAction::Submit(SubmitAction::Evm(action))] = &found[..] else { panic!("{found:?}") };
    assert_eq!((action.chain.as_str(), &action.address.raw_bytes), ("evm:31337", &vec![0x11; 20]));
    assert!(action.gas_price.is_none());
    let cosmos = [("chain", "cosmos:test"), ("service_handler", "wasm1abc")];
    let found = actions(&process(&cosmos).unwrap());
    let [AggregatorAction::Submit(SubmitAction::Cosmos(action))] = &found[..] else { panic!("{found:?}") };
    assert_eq!((action.address.bech32_addr.as_str(), action.address.prefix_len), ("wasm1abc", 4));
    let failure = process(&[("chain", "evm:31337")]).unwrap_err();
    assert_eq!((failure.status, failure.message.contains("service_handler")), (Status::ExecResult, true));
    let unknown = process(&[("chain", "evm:1"), ("service_handler", &handler)]).unwrap_err();
    assert!(unknown.message.contains("evm:1"));
}

#[test]
fn callbacks() {
    let bed = Bed::new(Options::default());
    let digest = bed.load("simple_aggregator", World::Aggregator);
    assert!(actions(&call(&bed, digest, Export::HandleTimerCallback, &[]).unwrap()).is_empty());
    let submitted = |result: Result<AnyTxHash, String>| {
        let input = encode(&(input(), result));
        let export = Export::HandleSubmitCallback;
        bed.run(RunRequest { export, input, ..text_request(digest, "") }).result.unwrap()
    };
    let stored = |key: &str| {
        let at = ("submit-result".to_owned(), key.to_owned());
        String::from_utf8(bed.node.values.lock().unwrap()[&at].clone()).unwrap()
    };
    assert!(submitted(Ok(AnyTxHash::Evm(vec![3; 32]))).is_empty());
    assert_eq!((stored("completed"), stored("success")), ("true".into(), "true".into()));
    assert!(submitted(Err("refused".into())).is_empty());
    assert_eq!(stored("success"), "false");
}

#[test]
fn components_fit_one_world() {
    let bed = Bed::new(Options::default());
    let fails = |name, world, export: &str| {
        let failure = bed.load_bytes(wasm(name), world).err().unwrap();
        assert_eq!(failure.status, Status::Instantiate);
        assert!(failure.message.contains(export), "{failure}");
    };
    fails("echo", World::Aggregator, "process-input");
    fails("simple_aggregator", World::Operator, "run");
    let digest = bed.operator("echo");
    let input = encode(&input());
    let wrong = RunRequest { export: Export::ProcessInput, input, ..text_request(digest, "") };
    assert_eq!(bed.run(wrong).result.unwrap_err().status, Status::NotFound);
}
