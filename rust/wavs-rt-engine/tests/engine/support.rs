// SPDX-License-Identifier: Apache-2.0
//! A node in memory, and short ways to ask for a run.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use wavs_rt_engine::flat::{self, encode};
use wavs_rt_engine::*;

type Store = BTreeMap<(String, String), Vec<u8>>;

#[derive(Default)]
pub struct Node {
    pub values: Mutex<Store>,
    pub counters: Mutex<BTreeMap<(String, String), i64>>,
    pub lines: Mutex<Vec<(LogLevel, LogSource, String)>>,
    /// Keys per page; 0 = all.
    pub page: usize,
}

fn at(bucket: &str, key: &str) -> (String, String) {
    (bucket.to_owned(), key.to_owned())
}

impl HostCallbacks for Node {
    fn log(&self, origin: &Origin, level: LogLevel, source: LogSource, text: &str) {
        assert_eq!(origin.trace_id, [7; 16]);
        self.lines.lock().unwrap().push((level, source, text.to_owned()));
    }
    fn evm_chain_config(&self, _: &Origin, chain_key: &str) -> Option<EvmChainConfig> {
        (chain_key == "evm:31337").then(|| EvmChainConfig {
            chain_id: "31337".into(),
            ws_endpoints: vec![],
            http_endpoint: None,
        })
    }
    fn cosmos_chain_config(&self, _: &Origin, chain_key: &str) -> Option<CosmosChainConfig> {
        (chain_key == "cosmos:test").then(|| CosmosChainConfig {
            chain_id: "test".into(),
            rpc_endpoint: None,
            grpc_endpoint: None,
            grpc_web_endpoint: None,
            gas_price: 0.025,
            gas_denom: "utest".into(),
            bech32_prefix: "wasm".into(),
        })
    }
    fn event_id(&self, _: &Origin, salt: &[u8]) -> Option<[u8; 20]> {
        let mut id = [b'-'; 20];
        id[..salt.len()].copy_from_slice(salt);
        Some(id)
    }
    fn kv_get(&self, _: &Origin, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        Ok(self.values.lock().unwrap().get(&at(bucket, key)).cloned())
    }
    fn kv_exists(&self, origin: &Origin, bucket: &str, key: &str) -> Result<bool, KvError> {
        Ok(self.kv_get(origin, bucket, key)?.is_some())
    }
    fn kv_set(&self, _: &Origin, bucket: &str, key: &str, value: &[u8]) -> Result<(), KvError> {
        self.values.lock().unwrap().insert(at(bucket, key), value.to_vec());
        Ok(())
    }
    fn kv_delete(&self, _: &Origin, bucket: &str, key: &str) -> Result<(), KvError> {
        self.values.lock().unwrap().remove(&at(bucket, key));
        Ok(())
    }
    fn kv_list(&self, _: &Origin, bucket: &str, cursor: Option<&str>) -> Result<KeyResponse, KvError> {
        let values = self.values.lock().unwrap();
        let from = Bound::Included(at(bucket, cursor.unwrap_or("")));
        let all = values.range((from, Bound::Unbounded)).take_while(|((found, _), _)| found == bucket);
        let mut keys: Vec<_> = all.map(|((_, key), _)| key.clone()).collect();
        let next = keys.get(self.page).cloned().filter(|_| self.page > 0);
        if self.page > 0 {
            keys.truncate(self.page);
        }
        Ok(KeyResponse { keys, cursor: next })
    }
    fn kv_increment(&self, _: &Origin, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        let mut counters = self.counters.lock().unwrap();
        let counter = counters.entry(at(bucket, key)).or_default();
        *counter = counter.checked_add(delta).ok_or_else(|| KvError::Other("overflow".into()))?;
        Ok(*counter)
    }
    fn kv_cas(
        &self,
        _: &Origin,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<CasAnswer, KvError> {
        let mut values = self.values.lock().unwrap();
        if values.get(&at(bucket, key)).map(Vec::as_slice) != expected {
            return Ok(CasAnswer::Changed);
        }
        values.insert(at(bucket, key), value.to_vec());
        Ok(CasAnswer::Stored)
    }
}

pub fn wasm(name: &str) -> Vec<u8> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/components/prebuilt");
    fs::read(format!("{dir}/{name}.wasm")).unwrap()
}

pub fn digest_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A directory of its own, removed in the end.
pub struct TempDir(pub PathBuf);

impl TempDir {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("wavs-rt-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An engine and the node behind it.
pub struct Bed {
    pub engine: Arc<Engine>,
    pub node: Arc<Node>,
}

impl Bed {
    pub fn new(options: Options) -> Self {
        Self::with_node(options, Node::default())
    }

    pub fn with_node(options: Options, node: Node) -> Self {
        let node = Arc::new(node);
        let engine = Engine::new(options, Arc::clone(&node) as Arc<dyn HostCallbacks>).unwrap();
        Self { engine: Arc::new(engine), node }
    }

    pub fn load_bytes(&self, wasm: Vec<u8>, world: World) -> Result<LoadOutcome, Failure> {
        let request = LoadRequest { digest: digest_of(&wasm), world, wasm, pin: false };
        let (send, receive) = channel();
        self.engine.load(request, move |outcome| send.send(outcome).unwrap());
        receive.recv().unwrap()
    }

    pub fn load(&self, name: &str, world: World) -> [u8; 32] {
        let bytes = wasm(name);
        let digest = digest_of(&bytes);
        self.load_bytes(bytes, world).unwrap();
        digest
    }

    pub fn operator(&self, name: &str) -> [u8; 32] {
        self.load(name, World::Operator)
    }

    pub fn start(&self, request: RunRequest) -> Receiver<RunOutcome> {
        let (send, receive) = channel();
        self.engine.run(request, move |outcome| send.send(outcome).unwrap());
        receive
    }

    pub fn run(&self, request: RunRequest) -> RunOutcome {
        self.start(request).recv().unwrap()
    }

    /// The responses of an operator run.
    pub fn responses(&self, request: RunRequest) -> Result<Vec<WasmResponse>, Failure> {
        self.run(request).result.map(|bytes| flat::decode(&bytes).unwrap())
    }

    /// The only payload of an operator run, as text.
    pub fn text(&self, request: RunRequest) -> Result<String, Failure> {
        let mut responses = self.responses(request)?;
        assert_eq!(responses.len(), 1);
        Ok(String::from_utf8(responses.remove(0).payload).unwrap())
    }
}

pub fn service() -> service::Service {
    let component = service::Component {
        source: service::ComponentSource::Digest("00".repeat(32)),
        permissions: service::Permissions {
            allowed_http_hosts: service::AllowedHostPermission::None,
            file_system: false,
            raw_sockets: false,
            dns_resolution: false,
        },
        fuel_limit: None,
        time_limit_seconds: None,
        config: vec![],
        env_keys: vec![],
    };
    let workflow =
        service::Workflow { trigger: service::Trigger::Manual, component, submit: service::Submit::None };
    service::Service {
        name: "test service".into(),
        workflows: vec![("default".into(), workflow)],
        status: service::ServiceStatus::Active,
        manager: service::ServiceManager::Evm(service::EvmManager {
            chain: "evm:31337".into(),
            address: chain::EvmAddress { raw_bytes: vec![0; 20] },
        }),
    }
}

pub fn cosmos_service() -> service::Service {
    let manager = service::CosmosManager {
        chain: "cosmos:test".into(),
        address: chain::CosmosAddress { bech32_addr: "wasm1xyz".into(), prefix_len: 4 },
    };
    service::Service { manager: service::ServiceManager::Cosmos(manager), ..service() }
}

pub fn trigger_action(data: events::TriggerData) -> TriggerAction {
    let config = operator_input::TriggerConfig {
        service_id: "ab".repeat(32),
        workflow_id: "default".into(),
        trigger: service::Trigger::Manual,
    };
    TriggerAction { config, data }
}

pub fn raw(bytes: &[u8]) -> TriggerAction {
    trigger_action(events::TriggerData::Raw(bytes.to_vec()))
}

/// A run of an operator component with everything allowed that costs nothing.
pub fn request(digest: [u8; 32], action: &TriggerAction) -> RunRequest {
    RunRequest {
        export: Export::Run,
        digest,
        service: Some(ServiceSnapshot::new(&encode(&service())).unwrap()),
        service_id: [0xab; 32],
        workflow_id: "default".into(),
        event_id: [1; 20],
        trace_id: [7; 16],
        input: encode(action),
        fuel: u64::MAX,
        time_ms: u64::MAX,
        max_memory: 0,
        env: vec![],
        config: vec![],
        data_dir: None,
        raw_sockets: false,
        dns: false,
        record: 0,
        seed: 0,
    }
}

pub fn text_request(digest: [u8; 32], text: &str) -> RunRequest {
    request(digest, &raw(text.as_bytes()))
}

pub fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub fn sleeping(digest: [u8; 32], kind: &str, millis: u64) -> RunRequest {
    let config = pairs(&[("sleep-ms", &millis.to_string()), ("sleep-kind", kind)]);
    RunRequest { config, ..text_request(digest, "slept") }
}
