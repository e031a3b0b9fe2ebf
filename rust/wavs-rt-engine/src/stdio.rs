// SPDX-License-Identifier: Apache-2.0
//! Standard output and error of a guest, as log lines.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::budget::Budget;
use crate::host::{HostPort, LogLevel, LogSource};

/// A line longer than this is logged in pieces.
const MAX_LINE: usize = 8 * 1024;

/// One of the two streams of a run.
#[derive(Clone)]
pub struct Capture {
    inner: Arc<Inner>,
}

struct Inner {
    port: Arc<HostPort>,
    source: LogSource,
    budget: Arc<Budget>,
    pending: Mutex<Vec<u8>>,
}

impl Capture {
    pub fn new(port: Arc<HostPort>, source: LogSource, budget: Arc<Budget>) -> Self {
        Self { inner: Arc::new(Inner { port, source, budget, pending: Mutex::default() }) }
    }

    fn push(&self, bytes: &[u8]) {
        let mut pending = self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            for chunk in text.chunks(MAX_LINE) {
                pending.extend_from_slice(chunk);
                if pending.len() >= MAX_LINE {
                    self.emit(&mut pending);
                }
            }
            if ends && !(text.is_empty() && pending.is_empty()) {
                self.emit(&mut pending);
            }
        }
    }

    /// Logs what came without a line break at the end.
    pub fn finish(&self) {
        let mut pending = self.inner.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if !pending.is_empty() {
            self.emit(&mut pending);
        }
    }

    fn emit(&self, pending: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(pending);
        let line = text.trim_end_matches('\r');
        self.inner.port.line(&self.inner.budget, LogLevel::Info, self.inner.source, line);
        pending.clear();
    }
}

impl IsTerminal for Capture {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Capture {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Capture {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
