// SPDX-License-Identifier: Apache-2.0
//! Every type goes through the encoding and back; the examples of rust/FLAT.md hold.

use super::*;
use crate::flat::{decode, encode};

/// Encodes, decodes, encodes: equal bytes, and every shorter or longer string is refused.
fn round<T: Flat>(value: T) -> Vec<u8> {
    let bytes = encode(&value);
    let Ok(back) = decode::<T>(&bytes) else { panic!("{bytes:?}") };
    assert_eq!(encode(&back), bytes);
    for cut in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..cut]).is_err(), "{cut} of {bytes:?}");
    }
    let longer = [bytes.clone(), vec![0]].concat();
    assert_eq!(decode::<T>(&longer).err(), Some(FlatError::Long));
    bytes
}

fn evm_address() -> EvmAddress {
    EvmAddress { raw_bytes: vec![1; 20] }
}

fn cosmos_address() -> CosmosAddress {
    CosmosAddress { bech32_addr: "wasm1x".into(), prefix_len: 4 }
}

fn component(source: ComponentSource, allowed_http_hosts: AllowedHostPermission) -> Component {
    let permissions =
        Permissions { allowed_http_hosts, file_system: true, raw_sockets: false, dns_resolution: true };
    Component {
        source,
        permissions,
        fuel_limit: Some(1),
        time_limit_seconds: None,
        config: vec![("k".into(), "v".into())],
        env_keys: vec!["E".into()],
    }
}

fn triggers() -> Vec<Trigger> {
    let time = Some(Timestamp { nanos: 5 });
    vec![
        Trigger::EvmContractEvent(TriggerEvmContractEvent {
            address: evm_address(),
            chain: "evm:1".into(),
            event_hash: vec![2; 32],
        }),
        Trigger::CosmosContractEvent(TriggerCosmosContractEvent {
            address: cosmos_address(),
            chain: "cosmos:a".into(),
            event_type: "t".into(),
        }),
        Trigger::BlockInterval(TriggerBlockInterval {
            chain: "evm:1".into(),
            n_blocks: 3,
            start_block: Some(4),
            end_block: None,
        }),
        Trigger::Cron(TriggerCron { schedule: "* * * * *".into(), start_time: time, end_time: None }),
        Trigger::AtprotoEvent(TriggerAtprotoEvent {
            collection: "c".into(),
            repo_did: None,
            action: Some("create".into()),
        }),
        Trigger::HypercoreAppend(TriggerHypercoreAppend { feed_key: "f".into() }),
        Trigger::Manual,
    ]
}

#[test]
fn services() {
    let download = ComponentSourceDownload { uri: "u".into(), digest: "d".into() };
    let registry =
        Registry { digest: "d".into(), domain: None, version: Some("1.0.0".into()), pkg: "p".into() };
    let kind =
        SignatureKind { algorithm: SignatureAlgorithm::Secp256k1, prefix: Some(SignaturePrefix::Eip191) };
    let aggregator = AggregatorSubmit {
        component: component(ComponentSource::Registry(registry), AllowedHostPermission::None),
        signature_kind: kind,
    };
    let submits = [Submit::None, Submit::Aggregator(aggregator)];
    let workflows: Vec<_> = triggers()
        .into_iter()
        .zip(submits.into_iter().cycle())
        .map(|(trigger, submit)| {
            let hosts = AllowedHostPermission::Only(vec!["h".into()]);
            let component = component(ComponentSource::Download(download.clone()), hosts);
            ("w".to_owned(), Workflow { trigger, component, submit })
        })
        .collect();
    let manager = ServiceManager::Evm(EvmManager { chain: "evm:1".into(), address: evm_address() });
    round(Service { name: "é".into(), workflows, status: ServiceStatus::Paused, manager });
    let cosmos = CosmosManager { chain: "cosmos:a".into(), address: cosmos_address() };
    round(ServiceManager::Cosmos(cosmos));
    round(component(ComponentSource::Digest("d".into()), AllowedHostPermission::All));
    assert_eq!(round(ServiceStatus::Active), [0]);
}

fn trigger_data() -> Vec<TriggerData> {
    let log = EvmEventLog {
        address: evm_address(),
        data: EvmEventLogData { topics: vec![vec![1; 32], vec![2; 32]], data: vec![3] },
        tx_hash: vec![4; 32],
        block_number: 5,
        log_index: 6,
        block_hash: vec![7; 32],
        block_timestamp: Some(8),
        tx_index: 9,
    };
    let event = CosmosEvent { ty: "t".into(), attributes: vec![("a".into(), "b".into())] };
    vec![
        TriggerData::EvmContractEvent(TriggerDataEvmContractEvent { chain: "evm:1".into(), log }),
        TriggerData::CosmosContractEvent(TriggerDataCosmosContractEvent {
            contract_address: cosmos_address(),
            chain: "cosmos:a".into(),
            event,
            event_index: 1,
            block_height: 2,
        }),
        TriggerData::BlockInterval(TriggerDataBlockInterval { chain: "evm:1".into(), block_height: 3 }),
        TriggerData::Cron(TriggerDataCron { trigger_time: Timestamp { nanos: 4 } }),
        TriggerData::AtprotoEvent(TriggerDataAtprotoEvent {
            sequence: -5,
            timestamp: 6,
            repo: "r".into(),
            collection: "c".into(),
            rkey: "k".into(),
            action: "create".into(),
            cid: Some("i".into()),
            record_data: Some("{}".into()),
            rev: None,
            op_index: Some(7),
        }),
        TriggerData::HypercoreAppend(TriggerDataHypercoreAppend {
            feed_key: "f".into(),
            index: 8,
            data: vec![9],
        }),
        TriggerData::Raw(vec![1, 2, 3]),
    ]
}

#[test]
fn inputs() {
    for (tag, (data, trigger)) in trigger_data().into_iter().zip(triggers()).enumerate() {
        assert_eq!((round(data.clone())[0], round(trigger.clone())[0]), (tag as u8, tag as u8));
        let config = TriggerConfig { service_id: "s".into(), workflow_id: "w".into(), trigger };
        let trigger_action = TriggerAction { config, data };
        round(trigger_action.clone());
        let operator_response =
            WasmResponse { payload: vec![1], ordering: Some(2), event_id_salt: Some(vec![]) };
        let input = AggregatorInput { trigger_action, operator_response };
        round((input.clone(), Ok::<_, String>(AnyTxHash::Evm(vec![1; 32]))));
        round((input.clone(), Ok::<_, String>(AnyTxHash::Cosmos("AB".into()))));
        round((input, Err::<AnyTxHash, _>("refused".to_owned())));
    }
    let entry = QuorumEntry { signer: vec![1; 20], weight: "7".into(), signature: vec![2; 65] };
    let evm = EvmSubmitAction { chain: "evm:1".into(), address: evm_address(), gas_price: None };
    round((vec![3_u8; 20], (SubmitAction::Evm(evm), vec![entry.clone(), entry])));
}

#[test]
fn outputs() {
    let price = Some(U128 { value: (1, 2) });
    let evm = EvmSubmitAction { chain: "evm:1".into(), address: evm_address(), gas_price: price };
    let cosmos = CosmosSubmitAction { chain: "cosmos:a".into(), address: cosmos_address(), gas_price: None };
    round(vec![
        AggregatorAction::Timer(TimerAction { delay: Duration { secs: 3 } }),
        AggregatorAction::Submit(SubmitAction::Evm(evm)),
        AggregatorAction::Submit(SubmitAction::Cosmos(cosmos)),
    ]);
    round(KeyResponse { keys: vec!["a".into()], cursor: Some("b".into()) });
    round(EvmChainConfig {
        chain_id: "1".into(),
        ws_endpoints: vec!["ws://h".into()],
        http_endpoint: Some("http://h".into()),
    });
    round(CosmosChainConfig {
        chain_id: "a".into(),
        rpc_endpoint: Some("r".into()),
        grpc_endpoint: None,
        grpc_web_endpoint: None,
        gas_price: 0.025,
        gas_denom: "u".into(),
        bech32_prefix: "wasm".into(),
    });
}

#[test]
fn documented_examples() {
    let response =
        WasmResponse { payload: b"hi".to_vec(), ordering: None, event_id_salt: Some(b"s".to_vec()) };
    assert_eq!(round(vec![response]), b"\x01\0\0\0\x02\0\0\0hi\0\x01\x01\0\0\0s");
    let config =
        TriggerConfig { service_id: "ab".into(), workflow_id: "default".into(), trigger: Trigger::Manual };
    let action = TriggerAction { config, data: TriggerData::Raw(b"x".to_vec()) };
    assert_eq!(round(action), b"\x02\0\0\0ab\x07\0\0\0default\x06\x06\x01\0\0\0x");
}

#[test]
fn nonsense_is_refused() {
    assert_eq!(decode::<bool>(&[2]).err(), Some(FlatError::Tag(2)));
    assert_eq!(decode::<ServiceStatus>(&[2]).err(), Some(FlatError::Tag(2)));
    assert_eq!(decode::<String>(b"\x01\0\0\0\xff").err(), Some(FlatError::Text));
    // A length far beyond the bytes must not reserve memory.
    assert_eq!(decode::<Vec<String>>(b"\xff\xff\xff\xff").err(), Some(FlatError::Short));
}
