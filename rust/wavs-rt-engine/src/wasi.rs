// SPDX-License-Identifier: Apache-2.0
//! WASI for a run, made when the guest first asks for it: many never do.

use std::path::Path;
use std::sync::Arc;

use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use crate::egress::Egress;
use crate::failure::{Failure, Status};
use crate::host::HostPort;
use crate::stdio::Capture;
use crate::tape::Tape;
use crate::taping::Taping;

/// Random bytes of one call. They are made one by one on the guest thread, which nobody else gets
/// meanwhile.
const RANDOM_BYTES: u64 = 1 << 20;

/// What a run is given.
pub struct Means {
    pub env: Vec<(String, String)>,
    pub streams: [Capture; 2],
    pub raw_sockets: bool,
    pub dns: bool,
    pub port: Arc<HostPort>,
    pub egress: Arc<Egress>,
}

pub struct Wasi {
    means: Means,
    made: Option<Box<WasiCtx>>,
}

impl Wasi {
    /// A run with files or a tape has it from the start, so that what fails does so before the guest.
    pub fn new(means: Means, dir: Option<&Path>, taping: Option<&Taping>) -> Result<Self, Failure> {
        if dir.is_none() && taping.is_none() {
            return Ok(Self { means, made: None });
        }
        let mut builder = means.builder(taping.map(|taping| Arc::clone(&taping.tape)));
        if let Some(taping) = taping {
            taping.set_sources(&mut builder);
        }
        if let Some(dir) = dir {
            let opened = builder.preopened_dir(dir, ".", FsPerms::ReadWrite).map(|_| ());
            opened
                .map_err(|error| Failure::new(Status::Filesystem, format!("{}: {error:#}", dir.display())))?;
        }
        Ok(Self { made: Some(Box::new(builder.build())), means })
    }

    pub fn ctx(&mut self) -> &mut WasiCtx {
        self.made.get_or_insert_with(|| Box::new(self.means.builder(None).build()))
    }
}

impl Means {
    fn builder(&self, tape: Option<Arc<Tape>>) -> WasiCtxBuilder {
        let [stdout, stderr] = &self.streams;
        let mut builder = WasiCtxBuilder::new();
        builder.stdout(stdout.clone()).stderr(stderr.clone());
        builder.envs(&self.env).max_random_size(RANDOM_BYTES);
        builder.allow_tcp(self.raw_sockets).allow_udp(self.raw_sockets);
        builder.allow_ip_name_lookup(self.dns);
        if self.raw_sockets {
            let (port, egress) = (Arc::clone(&self.port), Arc::clone(&self.egress));
            builder.socket_addr_check(move |address, purpose| {
                if let Some(tape) = &tape {
                    tape.incomplete("it used sockets, whose bytes are not recorded");
                }
                let (port, rules) = (Arc::clone(&port), egress.rules());
                Box::pin(async move {
                    let checked = rules.check_socket(address, purpose).await;
                    checked
                        .inspect_err(|why| {
                            port.notice(&format!("socket to {address} refused: {}", why.text()));
                        })
                        .is_ok()
                })
            });
        }
        builder
    }
}
