// SPDX-License-Identifier: Apache-2.0
//! Components ready to run: in memory, as compiled code on disk, or freshly compiled.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::component::Component;

use crate::disk::{DiskCache, Found, hex};
use crate::engine_config::{self, Metering, Options};
use crate::failure::{Failure, Status};
use crate::shape::{self, Unweighed};
use crate::worlds::{Linked, World, Worlds};

/// Definitions a component may unfold to; those of large languages have some thousand.
const MAX_ITEMS: u64 = 1_000_000;

type Key = ([u8; 32], World);

/// A component bound to a world.
pub struct Ready {
    pub linked: Linked,
    pub imports: Vec<String>,
    pub engine: wasmtime::Engine,
    on_demand: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum LoadSource {
    Memory = 0,
    Disk = 1,
    Compiled = 2,
}

/// What to make ready. Without bytes only the caches are asked.
pub struct LoadRequest {
    pub digest: [u8; 32],
    pub world: World,
    pub wasm: Vec<u8>,
    /// Stay in memory until evicted by name.
    pub pin: bool,
}

pub struct LoadOutcome {
    pub imports: Vec<String>,
    /// Whether it has the optional export of aggregator components.
    pub selects: bool,
    pub source: LoadSource,
    pub wall: Duration,
}

struct Entry {
    ready: Arc<Ready>,
    pinned: bool,
    used: u64,
}

#[derive(Default)]
struct Memory {
    clock: u64,
    entries: HashMap<Key, Entry>,
}

#[derive(Default)]
pub struct Counters {
    pub compiled: AtomicU64,
    pub disk_hits: AtomicU64,
    pub memory_hits: AtomicU64,
    pub disk_rejected: AtomicU64,
    pub evicted: AtomicU64,
}

/// The compiler and its caches.
pub struct Components {
    pooled: Worlds,
    /// Made when the first component needs it.
    on_demand: OnceLock<Worlds>,
    disk: Option<DiskCache>,
    memory: Mutex<Memory>,
    bound: usize,
    max_instances: u64,
    /// One lock per digest being built: the first builds, the others find its result.
    building: Mutex<HashMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>,
    jobs: Arc<Semaphore>,
    pub counters: Counters,
}

impl Components {
    pub fn new(options: &Options) -> Result<Self, Failure> {
        let internal = |error| Failure::from_error(Status::Internal, &error);
        let engine =
            wasmtime::Engine::new(&engine_config::pooled(options, Metering::On)).map_err(internal)?;
        let disk =
            match &options.cache_dir {
                None => None,
                Some(dir) => Some(DiskCache::open(dir, &engine).map_err(|error| {
                    Failure::new(Status::Filesystem, format!("{}: {error}", dir.display()))
                })?),
            };
        Ok(Self {
            pooled: Worlds::new(engine).map_err(internal)?,
            on_demand: OnceLock::new(),
            disk,
            memory: Mutex::default(),
            bound: options.component_cache,
            max_instances: options.max_instances as u64,
            building: Mutex::default(),
            jobs: Arc::new(Semaphore::new(options.compile_jobs)),
            counters: Counters::default(),
        })
    }

    /// Advances the epoch of all guests.
    pub fn tick(&self) {
        self.pooled.engine().increment_epoch();
        if let Some(worlds) = self.on_demand.get() {
            worlds.engine().increment_epoch();
        }
    }

    /// A component for one run.
    pub async fn get(self: &Arc<Self>, digest: [u8; 32], world: World) -> Result<Arc<Ready>, Failure> {
        if let Some(ready) = self.lookup(&(digest, world), false) {
            return Ok(ready);
        }
        let request = LoadRequest { digest, world, wasm: Vec::new(), pin: false };
        self.load(request).await.map(|(ready, _)| ready)
    }

    pub async fn load_timed(self: &Arc<Self>, request: LoadRequest) -> Result<LoadOutcome, Failure> {
        let start = Instant::now();
        let (ready, source) = self.load(request).await?;
        let selects = ready.linked.selects();
        Ok(LoadOutcome { imports: ready.imports.clone(), selects, source, wall: start.elapsed() })
    }

    async fn load(self: &Arc<Self>, request: LoadRequest) -> Result<(Arc<Ready>, LoadSource), Failure> {
        let key = (request.digest, request.world);
        let turn = self.turn(key.0);
        let built = {
            let _turn = turn.lock().await;
            match self.lookup(&key, request.pin) {
                Some(ready) => Ok((ready, LoadSource::Memory)),
                None => self.build_off_thread(request).await,
            }
        };
        drop(turn);
        self.forget_turn(&key.0);
        built
    }

    async fn build_off_thread(
        self: &Arc<Self>,
        request: LoadRequest,
    ) -> Result<(Arc<Ready>, LoadSource), Failure> {
        let gone = |_| Failure::new(Status::Cancelled, "the engine is shut down");
        let job = Arc::clone(&self.jobs).acquire_owned().await.map_err(gone)?;
        let this = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let _job = job;
            let (ready, source) = this.build(&request)?;
            let ready = Arc::new(ready);
            this.keep((request.digest, request.world), Arc::clone(&ready), request.pin);
            Ok((ready, source))
        });
        task.await.unwrap_or_else(|error| {
            let status = if error.is_panic() { Status::Panic } else { Status::Cancelled };
            Err(Failure::new(status, format!("the compiler stopped: {error}")))
        })
    }

    fn build(&self, request: &LoadRequest) -> Result<(Ready, LoadSource), Failure> {
        if !request.wasm.is_empty() {
            check_bytes(request)?;
        }
        if let Some(path) = self.on_disk(&request.digest) {
            // SAFETY: the file is this engine's own output; its checksum was just compared.
            let load = |engine: &wasmtime::Engine| unsafe { Component::deserialize_file(engine, &path) };
            match self.instantiable(load) {
                Ok((component, worlds)) => {
                    self.counters.disk_hits.fetch_add(1, Ordering::Relaxed);
                    return Ok((self.ready(&component, worlds, request.world)?, LoadSource::Disk));
                }
                Err(_) => self.reject(&request.digest),
            }
        }
        if request.wasm.is_empty() {
            let text = format!("component {} is not in the caches", hex(&request.digest));
            return Err(Failure::new(Status::NotFound, text));
        }
        let (component, worlds) = self.compile(request)?;
        Ok((self.ready(&component, worlds, request.world)?, LoadSource::Compiled))
    }

    fn on_disk(&self, digest: &[u8; 32]) -> Option<std::path::PathBuf> {
        match self.disk.as_ref()?.find(digest) {
            Found::Code(path) => Some(path),
            Found::Nothing => None,
            Found::Damaged => {
                self.reject(digest);
                None
            }
        }
    }

    fn reject(&self, digest: &[u8; 32]) {
        self.counters.disk_rejected.fetch_add(1, Ordering::Relaxed);
        if let Some(disk) = &self.disk {
            disk.remove(digest);
        }
    }

    fn compile(&self, request: &LoadRequest) -> Result<(Component, &Worlds), Failure> {
        let invalid = |error| Failure::from_error(Status::Compile, &error);
        check_shape(&request.wasm, self.max_instances)?;
        let code = self.pooled.engine().precompile_component(&request.wasm).map_err(invalid)?;
        self.counters.compiled.fetch_add(1, Ordering::Relaxed);
        // A full disk costs a compilation at the next start, nothing else.
        let stored = self.disk.as_ref().and_then(|disk| disk.store(&request.digest, &code).ok());
        let stored: Option<&Path> = stored.as_deref();
        let load = |engine: &wasmtime::Engine| match stored {
            // SAFETY: both are what this engine produced a moment ago.
            Some(path) => unsafe { Component::deserialize_file(engine, path) },
            None => unsafe { Component::deserialize(engine, &code) },
        };
        self.instantiable(load).map_err(invalid)
    }

    /// The pooled engine refuses what does not fit its slots; then the on-demand one takes it.
    fn instantiable(
        &self,
        load: impl Fn(&wasmtime::Engine) -> wasmtime::Result<Component>,
    ) -> wasmtime::Result<(Component, &Worlds)> {
        if let Ok(component) = load(self.pooled.engine()) {
            return Ok((component, &self.pooled));
        }
        if self.on_demand.get().is_none() {
            let engine = wasmtime::Engine::new(&engine_config::on_demand())?;
            // A second thread may have been faster; its engine is as good.
            let _ = self.on_demand.set(Worlds::new(engine)?);
        }
        let worlds = self.on_demand.get().unwrap_or(&self.pooled);
        Ok((load(worlds.engine())?, worlds))
    }

    fn ready(&self, component: &Component, worlds: &Worlds, world: World) -> Result<Ready, Failure> {
        Ok(Ready {
            linked: worlds.link(component, world)?,
            imports: worlds.imports(component),
            engine: worlds.engine().clone(),
            on_demand: !std::ptr::eq(worlds, &self.pooled),
        })
    }

    fn turn(&self, digest: [u8; 32]) -> Arc<tokio::sync::Mutex<()>> {
        let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(building.entry(digest).or_default())
    }

    fn forget_turn(&self, digest: &[u8; 32]) {
        let mut building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if building.get(digest).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            building.remove(digest);
        }
    }

    fn lookup(&self, key: &Key, pin: bool) -> Option<Arc<Ready>> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.clock += 1;
        let used = memory.clock;
        let entry = memory.entries.get_mut(key)?;
        entry.used = used;
        entry.pinned |= pin;
        self.counters.memory_hits.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&entry.ready))
    }

    fn keep(&self, key: Key, ready: Arc<Ready>, pinned: bool) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.clock += 1;
        let used = memory.clock;
        memory.entries.insert(key, Entry { ready, pinned, used });
        let loose = || memory.entries.iter().filter(|(_, entry)| !entry.pinned);
        if loose().count() > self.bound
            && let Some(oldest) = loose().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key)
        {
            memory.entries.remove(&oldest);
            self.counters.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn evict(&self, digest: &[u8; 32], disk: bool) -> bool {
        if disk && let Some(cache) = &self.disk {
            cache.remove(digest);
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let before = memory.entries.len();
        memory.entries.retain(|(found, _), _| found != digest);
        memory.entries.len() != before
    }

    /// (all, on the on-demand engine)
    pub fn cached(&self) -> (u64, u64) {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let on_demand = memory.entries.values().filter(|entry| entry.ready.on_demand);
        (memory.entries.len() as u64, on_demand.count() as u64)
    }
}

/// Common mistakes get their own words before the compiler sees the bytes.
fn check_bytes(request: &LoadRequest) -> Result<(), Failure> {
    let wrong = |text: String| Err(Failure::new(Status::Compile, text));
    let wasm = &request.wasm;
    let found = Sha256::digest(wasm);
    if found[..] != request.digest {
        return wrong(format!("the bytes have digest {}, not {}", hex(&found), hex(&request.digest)));
    }
    if wasm.trim_ascii_start().starts_with(b"(") {
        return wrong("this is a component in text format; the binary format is needed".into());
    }
    if wasm.starts_with(b"\0asm\x01\0\0\0") {
        return wrong("this is a core module, not a component".into());
    }
    if !wasm.starts_with(b"\0asm") {
        return wrong("these bytes are not WebAssembly".into());
    }
    Ok(())
}

/// The compiler has no bound of its own for what components in components unfold to.
fn check_shape(wasm: &[u8], max_instances: u64) -> Result<(), Failure> {
    let wrong = |text: String| Err(Failure::new(Status::Compile, text));
    let weight = match shape::weigh(wasm) {
        Ok(weight) => weight,
        Err(Unweighed::Damaged) => return wrong("the sections of the component are damaged".into()),
        Err(Unweighed::Foreign) => {
            return wrong("it instantiates a component that it does not contain itself".into());
        }
        Err(Unweighed::Deep) => return wrong("its components or types are nested too deep".into()),
    };
    if weight.instances > max_instances {
        return wrong(format!(
            "the component makes {} core instances, this node allows {max_instances} (max_instances)",
            weight.instances
        ));
    }
    if weight.items > MAX_ITEMS {
        return wrong(format!(
            "the component unfolds to {} definitions, this node allows {MAX_ITEMS}",
            weight.items
        ));
    }
    Ok(())
}
