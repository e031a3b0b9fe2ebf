// SPDX-License-Identifier: Apache-2.0
//! wasi:tls for guests: it wraps streams they already have, with the authorities of the egress rules.

use std::pin::Pin;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use wasmtime_wasi_tls::{Error, TlsProvider, TlsStream, TlsTransport};

use crate::egress::Egress;

/// Makes the connections of one run.
pub struct Tls {
    pub egress: Arc<Egress>,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn TlsStream>, Error>> + Send>>;

impl TlsProvider for Tls {
    fn connect(&self, server_name: String, transport: Box<dyn TlsTransport>) -> Connecting {
        let config = Arc::clone(&self.egress.rules().tls);
        Box::pin(async move {
            let name = ServerName::try_from(server_name).map_err(|_| Error::msg("invalid server name"))?;
            let connected = tokio_rustls::TlsConnector::from(config).connect(name, transport).await;
            let stream = connected.map_err(|error| Error::msg(error.to_string()))?;
            Ok(Box::new(stream) as Box<dyn TlsStream>)
        })
    }
}
