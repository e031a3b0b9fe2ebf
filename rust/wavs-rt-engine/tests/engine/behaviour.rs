// SPDX-License-Identifier: Apache-2.0
//! What the example operators answer.

use crate::support::*;
use wavs_rt_engine::flat::encode;
use wavs_rt_engine::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn word(value: u64) -> Vec<u8> {
    [vec![0; 24], value.to_be_bytes().to_vec()].concat()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = [word(bytes.len() as u64), bytes.to_vec()].concat();
    out.resize(out.len().next_multiple_of(32), 0);
    out
}

/// abi.encode(DataWithId)
fn data_with_id(id: u64, data: &[u8]) -> Vec<u8> {
    [word(0x20), word(id), word(0x40), padded(data)].concat()
}

fn new_trigger(id: u64, data: &[u8]) -> TriggerAction {
    let info = [word(0x20), word(id), word(0xbeef), word(0x60), padded(data)].concat();
    let topic = hex("86eacd23610d81706516de1ed0476c87772fdf939c7c771fbbd7f0230d619e68");
    let log = chain::EvmEventLog {
        address: chain::EvmAddress { raw_bytes: vec![9; 20] },
        data: chain::EvmEventLogData { topics: vec![topic], data: [word(0x20), padded(&info)].concat() },
        tx_hash: vec![1; 32],
        block_number: 5,
        log_index: 0,
        block_hash: vec![2; 32],
        block_timestamp: None,
        tx_index: 0,
    };
    let chain = "evm:31337".into();
    let data = events::TriggerDataEvmContractEvent { chain, log };
    trigger_action(events::TriggerData::EvmContractEvent(data))
}

#[test]
fn echo_gives_back() {
    let bed = Bed::new(Options::default());
    let echo = bed.operator("echo");
    assert_eq!(bed.text(text_request(echo, "hello")).unwrap(), "hello");
    let payload = |action| bed.responses(request(echo, &action)).unwrap().remove(0).payload;
    assert_eq!(payload(new_trigger(42, b"ping")), data_with_id(42, b"ping"));
    let append = events::TriggerDataHypercoreAppend { feed_key: "f".into(), index: 7, data: b"x".into() };
    let append = trigger_action(events::TriggerData::HypercoreAppend(append));
    assert_eq!(payload(append), data_with_id(7, b"x"));
    let event = chain::CosmosEvent {
        ty: "push-message".into(),
        attributes: pairs(&[("trigger-id", "12"), ("data", "6869")]),
    };
    let address = chain::CosmosAddress { bech32_addr: "wasm1abc".into(), prefix_len: 4 };
    let event = events::TriggerDataCosmosContractEvent {
        contract_address: address,
        chain: "cosmos:test".into(),
        event,
        event_index: 0,
        block_height: 3,
    };
    let event = trigger_action(events::TriggerData::CosmosContractEvent(event));
    assert_eq!(payload(event), data_with_id(12, b"hi"));
    let cron = events::TriggerDataCron { trigger_time: types_core::Timestamp { nanos: 1 } };
    let failure = bed.responses(request(echo, &trigger_action(events::TriggerData::Cron(cron))));
    assert_eq!(failure.unwrap_err().message, "Unsupported trigger data type");
}

#[test]
fn echo_reads_environment_and_configuration() {
    let bed = Bed::new(Options::default());
    let echo = bed.operator("echo");
    let with = |text| RunRequest {
        env: pairs(&[("WAVS_ENV_X", "from env")]),
        config: pairs(&[("k", "from config")]),
        ..text_request(echo, text)
    };
    assert_eq!(bed.text(with("envvar:WAVS_ENV_X")).unwrap(), "from env");
    assert_eq!(bed.text(with("configvar:k")).unwrap(), "from config");
    let failure = bed.text(with("envvar:PATH")).unwrap_err();
    assert_eq!(failure.status, Status::ExecResult);
    assert_eq!(failure.message, "env var PATH not found");
    assert_eq!(bed.text(with("configvar:q")).unwrap_err().message, "config var q not found");
}

#[test]
fn echo_salts_event_ids() {
    let bed = Bed::new(Options::default());
    let echo = bed.operator("echo");
    let config = pairs(&[("event-id-salt", "s"), ("event-id-salt-1", "s1"), ("event-id-salt-2", "s2")]);
    let salts = |text| {
        let request = RunRequest { config: config.clone(), ..text_request(echo, text) };
        let responses = bed.responses(request).unwrap();
        assert!(responses.iter().all(|response| response.payload.is_empty()));
        responses.into_iter().map(|response| response.event_id_salt).collect::<Vec<_>>()
    };
    assert_eq!(salts("custom-event-id"), [Some(b"s".to_vec())]);
    assert_eq!(salts("multi-response"), [Some(b"s1".to_vec()), Some(b"s2".to_vec())]);
    assert_eq!(salts("multi-response-bad"), [Some(b"s1".to_vec()), None]);
    let failure = bed.text(text_request(echo, "custom-event-id")).unwrap_err();
    assert_eq!(failure.status, Status::ComponentError);
    let zero = RunRequest { event_id: [0; 20], ..text_request(echo, "x") };
    assert_eq!(bed.text(zero).unwrap_err().message, "event id is all zeros");
}

#[test]
fn square_squares_for_either_manager() {
    let bed = Bed::new(Options::default());
    let square = bed.operator("square");
    let ask = |service: &service::Service| {
        let service = Some(ServiceSnapshot::new(&encode(service)).unwrap());
        let request = RunRequest { service, ..text_request(square, "{\"x\":5}") };
        bed.responses(request).unwrap().remove(0).payload
    };
    let evm = ask(&service());
    assert_eq!((evm.len(), &evm), (160, &data_with_id(0, b"{\"y\":25}")));
    assert_eq!(ask(&cosmos_service()), hex("0130087b2279223a32357d"));
    let failure = bed.text(text_request(square, "nonsense")).unwrap_err();
    assert_eq!(failure.status, Status::ExecResult);
}

#[test]
fn a_guest_sees_its_service() {
    let bed = Bed::new(Options::default());
    let probe = bed.operator("probe");
    assert_eq!(bed.text(text_request(probe, "service")).unwrap(), "test service/default");
    let none = RunRequest { service: None, ..text_request(probe, "service") };
    assert_eq!(bed.text(none).unwrap_err().status, Status::ComponentError);
    let other = RunRequest { workflow_id: "other".into(), ..text_request(probe, "service") };
    let failure = bed.text(other).unwrap_err();
    assert!(failure.message.contains("workflow other is not in the service"), "{failure}");
    assert_eq!(bed.text(text_request(probe, "salt:abc")).unwrap(), "abc-----------------");
}

#[test]
fn output_becomes_log_lines() {
    let bed = Bed::new(Options::default());
    let probe = bed.operator("probe");
    assert_eq!(bed.text(text_request(probe, "speak:hi")).unwrap(), "hi");
    let lines = bed.node.lines.lock().unwrap();
    assert!(lines.contains(&(LogLevel::Info, LogSource::Stdout, "hi".into())), "{lines:?}");
    let stderr = (LogLevel::Info, LogSource::Stderr, "hi on stderr, no line break".into());
    assert!(lines.contains(&stderr), "{lines:?}");
    assert!(lines.contains(&(LogLevel::Warn, LogSource::Host, "hi".into())), "{lines:?}");
}

#[test]
fn files_only_with_a_directory() {
    let bed = Bed::new(Options::default());
    let probe = bed.operator("probe");
    let dir = TempDir::new();
    let run = |data_dir| bed.text(RunRequest { data_dir, ..text_request(probe, "file:f.txt") });
    assert_eq!(run(Some(dir.0.clone())).unwrap(), "1");
    assert_eq!(run(Some(dir.0.clone())).unwrap(), "2");
    assert_eq!(std::fs::read(dir.0.join("f.txt")).unwrap(), b"xx");
    assert_eq!(run(None).unwrap_err().message, "cannot open the file");
    assert_eq!(run(Some(dir.0.join("absent"))).unwrap_err().status, Status::Filesystem);
    let out = RunRequest { data_dir: Some(dir.0.clone()), ..text_request(probe, "file:../f.txt") };
    assert_eq!(bed.text(out).unwrap_err().message, "cannot open the file");
}

#[test]
fn sockets_only_when_allowed() {
    let bed = Bed::new(Options::default());
    let probe = bed.operator("probe");
    assert!(bed.text(text_request(probe, "udp")).unwrap_err().message.starts_with("socket error"));
    let allowed = RunRequest { raw_sockets: true, ..text_request(probe, "udp") };
    assert_eq!(bed.text(allowed).unwrap(), "created");
}

#[test]
fn a_megabyte_goes_through() {
    let bed = Bed::new(Options::default());
    let echo = bed.operator("echo");
    let payload: Vec<u8> = (0..1 << 20).map(|i| (i % 251) as u8).collect();
    let responses = bed.responses(request(echo, &raw(&payload))).unwrap();
    assert!(responses[0].payload == payload);
}

#[test]
fn bad_input_is_refused() {
    let bed = Bed::new(Options::default());
    let echo = bed.operator("echo");
    let short = RunRequest { input: vec![1, 2], ..text_request(echo, "") };
    assert_eq!(bed.text(short).unwrap_err().status, Status::InvalidInput);
    let mut long = text_request(echo, "x");
    long.input.push(0);
    assert_eq!(bed.text(long).unwrap_err().status, Status::InvalidInput);
}
