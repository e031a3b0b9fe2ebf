// SPDX-License-Identifier: Apache-2.0
//! The catch-up protocol: one JSON text each way, ended by closing the writing side. Requests are
//! read in `request`; answers are the owner's bytes.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::{Behaviour, Codec, Config, ProtocolSupport};
use std::time::Duration;

use crate::request::too_long;
pub use crate::request::{REQUEST_LIMIT, decode_request, encode_request};
use crate::topic::ServiceId;

pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/wavs/catchup/1.0.0");
pub const ANSWER_LIMIT: usize = 10 << 20;
const STREAMS: usize = 100;

pub type Catchup = Behaviour<CatchupCodec>;

pub(crate) fn catchup(timeout: Duration) -> Catchup {
    let config = Config::default().with_request_timeout(timeout).with_max_concurrent_streams(STREAMS);
    Behaviour::with_codec(CatchupCodec, [(PROTOCOL, ProtocolSupport::Full)], config)
}

/// All bytes up to the end of the stream, at most `limit`.
async fn read_to_end(stream: &mut (impl AsyncRead + Unpin), limit: usize, what: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more tells a text of exactly the limit from a longer one.
    stream.take(limit as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() > limit { Err(too_long(what, limit)) } else { Ok(bytes) }
}

#[derive(Clone, Default)]
pub struct CatchupCodec;

impl Codec for CatchupCodec {
    type Protocol = StreamProtocol;
    type Request = ServiceId;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<ServiceId>
    where
        T: AsyncRead + Unpin + Send,
    {
        decode_request(&read_to_end(stream, REQUEST_LIMIT, "request").await?)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_to_end(stream, ANSWER_LIMIT, "answer").await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
        service: ServiceId,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        stream.write_all(&encode_request(&service)).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
        answer: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        stream.write_all(&answer).await
    }
}
