// SPDX-License-Identifier: Apache-2.0
//! The aggregator world over its example.

use crate::support::*;
use aggregator_output::{AggregatorAction, EvmSubmitAction, SubmitAction};
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

/// The request for a choice among signatures of weight 1, 2 and so on.
fn selection(digest: [u8; 32], how: &str, entries: u8) -> RunRequest {
    let address = chain::EvmAddress { raw_bytes: vec![0x11; 20] };
    let action = SubmitAction::Evm(EvmSubmitAction { chain: "evm:31337".into(), address, gas_price: None });
    let entry = |i: u8| QuorumEntry { signer: vec![i; 20], weight: i.to_string(), signature: vec![i; 65] };
    let entries: Vec<_> = (1..=entries).map(entry).collect();
    let input = encode(&(vec![1_u8; 20], (action, entries)));
    let config = pairs(&[("select", how)]);
    RunRequest { export: Export::Select, input, config, ..text_request(digest, "") }
}

#[test]
fn a_component_may_choose_signatures() {
    let bed = Bed::new(Options::default());
    assert!(bed.load_bytes(wasm("selecting_aggregator"), World::Aggregator).unwrap().selects);
    let digest = digest_of(&wasm("selecting_aggregator"));
    let chosen = |how: &str, entries| {
        let outcome = bed.run(selection(digest, how, entries));
        outcome.result.map(|bytes| flat::decode::<Vec<u32>>(&bytes).unwrap())
    };
    assert_eq!(chosen("all", 3).unwrap(), [2, 1, 0]);
    assert_eq!(chosen("drop_first", 3).unwrap(), [2, 1]);
    assert!(chosen("all", 0).unwrap().is_empty());
    assert!(chosen("hold", 3).unwrap().is_empty());
    assert!(chosen("wait_for:3", 2).unwrap().is_empty());
    assert_eq!(chosen("wait_for:3", 3).unwrap(), [2, 1, 0]);
    // What a choice may be is looked at by those who asked for it.
    assert_eq!(chosen("bad_index", 3).unwrap(), [3]);
    assert_eq!(chosen("twice", 3).unwrap(), [0, 0]);
    let failure = chosen("fail", 3).unwrap_err();
    assert_eq!((failure.status, failure.message.as_str()), (Status::ExecResult, "select: refused 1 2 3"));
}

#[test]
fn a_choice_has_the_limits_of_a_run() {
    let bed = Bed::new(Options::default());
    let digest = bed.load("selecting_aggregator", World::Aggregator);
    let status = |request| bed.run(request).result.unwrap_err().status;
    assert_eq!(status(RunRequest { fuel: 1, ..selection(digest, "all", 3) }), Status::OutOfFuel);
    assert_eq!(status(RunRequest { time_ms: 0, ..selection(digest, "all", 3) }), Status::OutOfTime);
    let cut = RunRequest { input: vec![1], ..selection(digest, "all", 3) };
    assert_eq!(status(cut), Status::InvalidInput);
}

#[test]
fn a_choice_can_be_replayed() {
    let bed = Bed::new(Options::default());
    let digest = bed.load("selecting_aggregator", World::Aggregator);
    let outcome = bed.run(RunRequest { record: 1 << 20, ..selection(digest, "drop_first", 3) });
    let record = Record::decode(&outcome.record).unwrap();
    assert_eq!((record.request.export, record.ended.unwrap()), (Export::Select, outcome.result.unwrap()));
}

#[test]
fn most_components_choose_nothing() {
    let bed = Bed::new(Options::default());
    assert!(!bed.load_bytes(wasm("simple_aggregator"), World::Aggregator).unwrap().selects);
    let asked = bed.run(selection(digest_of(&wasm("simple_aggregator")), "all", 1)).result.unwrap_err();
    assert_eq!(asked.status, Status::Instantiate);
    assert!(asked.message.contains("no export `wavs:quorum/select@0.1.0`"), "{asked}");
    // A component of the other world has no use for it.
    assert!(!bed.load_bytes(wasm("echo"), World::Operator).unwrap().selects);
}

/// `of` with every `from` made a `to` of the same length.
fn changed(of: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = wasm(of);
    let places: Vec<_> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    bytes
}

#[test]
fn an_export_that_does_not_fit_is_found_at_load() {
    let bed = Bed::new(Options::default());
    let load =
        |from: &[u8], to: &[u8]| bed.load_bytes(changed("selecting_aggregator", from, to), World::Aggregator);
    let fails = |from: &[u8], to: &[u8], status, text: &str| {
        let failure = load(from, to).err().unwrap();
        assert_eq!(failure.status, status, "{failure}");
        assert!(failure.message.contains(text), "{failure}");
    };
    // Names stand behind their length.
    let instantiate = Status::Instantiate;
    fails(b"\x06select", b"\x06choose", instantiate, "select@0.1.0` has no function `select`");
    fails(b"\x06weight", b"\x06height", instantiate, "a function `select` of another type");
    let newer = Status::NeedsNewerNode;
    fails(b"wavs:quorum/select@0.1.0", b"wavs:quorum/select@0.2.0", newer, "this node has wavs:quorum@0.1");
    assert!(load(b"wavs:quorum/select@0.1.0", b"wavs:quorum/select@0.1.7").unwrap().selects);
}
