// SPDX-License-Identifier: Apache-2.0
//! Streams whose outgoing side passes through `split`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};

use crate::split::Writes;

/// A connection; only streams opened on this side greet.
pub(crate) struct Split<M>(pub M);

impl<M> StreamMuxer for Split<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: Unpin,
{
    type Substream = Stream<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, M::Error>> {
        let inner = ready!(Pin::new(&mut self.0).poll_inbound(cx))?;
        Poll::Ready(Ok(Stream { inner, writes: None, out: Vec::new() }))
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, M::Error>> {
        let inner = ready!(Pin::new(&mut self.0).poll_outbound(cx))?;
        Poll::Ready(Ok(Stream { inner, writes: Some(Writes::new()), out: Vec::new() }))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        Pin::new(&mut self.0).poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        Pin::new(&mut self.0).poll(cx)
    }
}

pub(crate) struct Stream<S> {
    inner: S,
    /// None: written as it is.
    writes: Option<Writes>,
    /// Taken, but not written yet.
    out: Vec<u8>,
}

impl<S: AsyncWrite + Unpin> Stream<S> {
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_out(cx))?;
        let Some(writes) = &mut self.writes else {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        };
        let replaced = writes.replaced(buf);
        if writes.passes() {
            self.writes = None;
        }
        self.out = replaced;
        // What cannot be written now is written by the next call, or by the flush.
        if let Poll::Ready(Err(error)) = self.poll_out(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(mut writes) = self.writes.take() {
            let rest = writes.rest();
            self.out.extend_from_slice(&rest);
        }
        ready!(self.poll_out(cx))?;
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
