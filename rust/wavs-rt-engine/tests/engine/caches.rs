// SPDX-License-Identifier: Apache-2.0
//! Compilation, its caches, and what cannot be loaded.

use std::fs;
use std::sync::Arc;
use std::thread;

use crate::support::*;
use wavs_rt_engine::*;

fn cached(dir: &TempDir) -> Options {
    Options { cache_dir: Some(dir.0.clone()), ..Options::default() }
}

/// The files with an ending, below the one engine directory.
fn files(dir: &TempDir, ending: &str) -> Vec<std::path::PathBuf> {
    let engine = fs::read_dir(&dir.0).unwrap().next().unwrap().unwrap().path();
    let all = fs::read_dir(engine).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

#[test]
fn a_restart_does_not_compile() {
    let dir = TempDir::new();
    let first = Bed::new(cached(&dir)).load_bytes(wasm("echo"), World::Operator).unwrap();
    assert_eq!(first.source, LoadSource::Compiled);
    assert!(first.imports.iter().any(|name| name == "host"));
    assert_eq!((files(&dir, ".cwasm").len(), files(&dir, ".tmp").len()), (1, 0));
    let bed = Bed::new(cached(&dir));
    let digest = digest_of(&wasm("echo"));
    // Not even the component's bytes are needed.
    assert_eq!(bed.text(text_request(digest, "hi")).unwrap(), "hi");
    let stats = bed.engine.stats();
    assert_eq!((stats.compiled, stats.disk_hits), (0, 1));
    let again = bed.load_bytes(wasm("echo"), World::Operator).unwrap();
    assert_eq!(again.source, LoadSource::Memory);
}

#[test]
fn damaged_code_is_compiled_again() {
    let dir = TempDir::new();
    Bed::new(cached(&dir)).operator("echo");
    let spoil: [fn(&TempDir); 4] = [
        |dir| {
            let path = &files(dir, ".cwasm")[0];
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |dir| fs::write(&files(dir, ".cwasm")[0], b"").unwrap(),
        |dir| fs::remove_file(&files(dir, ".sha256")[0]).unwrap(),
        |dir| fs::write(&files(dir, ".sha256")[0], "00".repeat(32)).unwrap(),
    ];
    for damage in spoil {
        damage(&dir);
        let bed = Bed::new(cached(&dir));
        let missing = bed.text(text_request(digest_of(&wasm("echo")), "x")).unwrap_err();
        assert_eq!(missing.status, Status::NotFound);
        let loaded = bed.load_bytes(wasm("echo"), World::Operator).unwrap();
        assert_eq!(loaded.source, LoadSource::Compiled);
        assert_eq!(bed.engine.stats().disk_rejected, 1);
        let again = Bed::new(cached(&dir)).load_bytes(wasm("echo"), World::Operator).unwrap();
        assert_eq!(again.source, LoadSource::Disk);
    }
}

/// A file whose checksum fits but which another engine wrote.
#[test]
fn foreign_code_is_compiled_again() {
    use sha2::{Digest, Sha256};
    let dir = TempDir::new();
    Bed::new(cached(&dir)).operator("echo");
    let foreign = b"not compiled code";
    fs::write(&files(&dir, ".cwasm")[0], foreign).unwrap();
    let sum: String = Sha256::digest(foreign).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&files(&dir, ".sha256")[0], sum).unwrap();
    let loaded = Bed::new(cached(&dir)).load_bytes(wasm("echo"), World::Operator).unwrap();
    assert_eq!(loaded.source, LoadSource::Compiled);
}

#[test]
fn one_compilation_for_many() {
    let bed = Arc::new(Bed::new(Options::default()));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let bed = Arc::clone(&bed);
            thread::spawn(move || bed.operator("echo"))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(bed.engine.stats().compiled, 1);
}

#[test]
fn memory_is_bounded() {
    let dir = TempDir::new();
    let bed = Bed::new(Options { component_cache: 1, ..cached(&dir) });
    let echo = bed.operator("echo");
    bed.operator("square");
    let stats = bed.engine.stats();
    assert_eq!((stats.cached, stats.evicted), (1, 1));
    // Back from disk.
    assert_eq!(bed.text(text_request(echo, "hi")).unwrap(), "hi");
    let bytes = wasm("kv");
    let request = LoadRequest { digest: digest_of(&bytes), world: World::Operator, wasm: bytes, pin: true };
    let (send, receive) = std::sync::mpsc::channel();
    bed.engine.load(request, move |outcome| send.send(outcome.map(|_| ())).unwrap());
    receive.recv().unwrap().unwrap();
    assert_eq!(bed.engine.stats().cached, 2);
    assert!(bed.engine.evict(&echo, true) && !bed.engine.evict(&echo, true));
    assert_eq!(bed.text(text_request(echo, "hi")).unwrap_err().status, Status::NotFound);
}

#[test]
fn a_component_too_big_for_the_pool_runs_all_the_same() {
    let dir = TempDir::new();
    let bed = Bed::new(Options { pool_table_elements: 1, ..cached(&dir) });
    let echo = bed.operator("echo");
    assert_eq!(bed.text(text_request(echo, "big")).unwrap(), "big");
    assert_eq!(bed.engine.stats().on_demand, 1);
    let spin = bed.operator("probe");
    let request = RunRequest { time_ms: 100, ..text_request(spin, "spin") };
    assert_eq!(bed.text(request).unwrap_err().status, Status::OutOfTime);
}

#[test]
fn what_is_not_a_component() {
    let bed = Bed::new(Options::default());
    let refused = |bytes: &[u8], words: &str| {
        let failure = bed.load_bytes(bytes.to_vec(), World::Operator).err().unwrap();
        assert_eq!(failure.status, Status::Compile, "{failure}");
        assert!(failure.message.contains(words), "{failure}");
    };
    refused(b"\0asm\x01\0\0\0", "core module");
    refused(b"  (component)", "text format");
    refused(b"hello", "not WebAssembly");
    refused(&wasm("echo")[..5000], "");
    let wasm = wasm("echo");
    let request = LoadRequest { digest: [0; 32], world: World::Operator, wasm, pin: false };
    let (send, receive) = std::sync::mpsc::channel();
    bed.engine.load(request, move |outcome| send.send(outcome.err().unwrap()).unwrap());
    assert!(receive.recv().unwrap().message.contains("digest"));
}

/// An empty component with one import or none.
fn component(import: Option<&str>) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    if let Some(name) = import {
        // type section: one instance type without items
        bytes.extend([7, 3, 1, 0x42, 0]);
        let body = [&[1, 0, name.len() as u8], name.as_bytes(), &[5, 0]].concat();
        bytes.extend([10, body.len() as u8]);
        bytes.extend(body);
    }
    bytes
}

#[test]
fn what_does_not_fit() {
    let bed = Bed::new(Options::default());
    let load = |import| bed.load_bytes(component(import), World::Operator).err().unwrap();
    let missing = load(None);
    assert_eq!(missing.status, Status::Instantiate);
    assert!(missing.message.contains("`run`"), "{missing}");
    let newer = load(Some("wavs:types/core@2.7.0"));
    assert_eq!(newer.status, Status::NeedsNewerNode, "{newer}");
    assert!(newer.message.contains("2.7.0") && newer.message.contains("2.6"), "{newer}");
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(body.len()), body].concat()
}

#[test]
fn proposals_that_get_around_the_limits_are_refused() {
    let bed = Bed::new(Options::default());
    let refused = |section_of_module: Vec<u8>, words: &str| {
        let module = [b"\0asm\x01\0\0\0".to_vec(), section_of_module].concat();
        let failure = bed.load_bytes([component(None), section(1, &module)].concat(), World::Operator);
        let failure = failure.err().unwrap();
        assert_eq!(failure.status, Status::Compile, "{failure}");
        assert!(failure.message.contains(words), "{failure}");
    };
    refused(section(5, &[1, 3, 1, 1]), "threads");
    refused(section(5, &[1, 4, 1]), "memory64");
    refused(section(5, &[1, 8, 1, 0]), "custom page sizes");
    refused(section(1, &[1, 0x5f, 0]), "gc");
    refused([section(1, &[1, 0x60, 0, 0]), section(13, &[1, 0, 0])].concat(), "exceptions");
}

/// Six levels of which each makes a hundred of the one below: 300 bytes, 10^12 core instances.
#[test]
fn what_unfolds_to_too_much_is_refused_before_the_compiler_sees_it() {
    let bed = Bed::new(Options { max_instances: 50, ..Options::default() });
    let one = [component(None), section(1, b"\0asm\x01\0\0\0"), section(2, &[1, 0, 0, 0])].concat();
    let hundred = [leb(100), [0, 0, 0].repeat(100)].concat();
    let bomb =
        (0..6).fold(one, |inner, _| [component(None), section(4, &inner), section(5, &hundred)].concat());
    let failure = bed.load_bytes(bomb, World::Operator).err().unwrap();
    assert_eq!(failure.status, Status::Compile);
    assert!(failure.message.contains("1000000000000 core instances, this node allows 50"), "{failure}");
}

/// The reader of types calls itself for every type within a type.
#[test]
fn types_nested_without_end_are_refused() {
    let bed = Bed::new(Options::default());
    let load = |depth| {
        let types = [vec![1], [0x41, 1, 1].repeat(depth), vec![0x41, 0]].concat();
        let bytes = [component(None), section(7, &types)].concat();
        bed.load_bytes(bytes, World::Operator).err().unwrap()
    };
    let failure = load(200_000);
    assert_eq!(failure.status, Status::Compile);
    assert!(failure.message.contains("nested too deep"), "{failure}");
    // As many as pass are no harm.
    assert_eq!(load(490).status, Status::Instantiate);
}

/// A function as large as one may be, nothing but blocks in blocks.
#[test]
fn deep_blocks_are_no_harm() {
    let bed = Bed::new(Options::default());
    let depth = 1_000_000;
    let code = [vec![0], [2, 0x40].repeat(depth), vec![0x0b; depth + 1]].concat();
    let body = section(10, &[&[1][..], &leb(code.len()), &code].concat());
    let module =
        [b"\0asm\x01\0\0\0".to_vec(), section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), body].concat();
    let bytes = [component(None), section(1, &module)].concat();
    let failure = bed.load_bytes(bytes, World::Operator).err().unwrap();
    assert_eq!(failure.status, Status::Instantiate, "{failure}");
}
