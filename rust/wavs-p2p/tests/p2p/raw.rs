// SPDX-License-Identifier: Apache-2.0
//! A peer that speaks gossip byte by byte: what it sends and receives is not made by the gossip library.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::request_response::{Behaviour, Codec, Config, Event, Message, ProtocolSupport};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::PATIENCE;

pub type Field = (u64, Vec<u8>);

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The fields of a message in their order; a number becomes its eight bytes.
pub fn fields(mut bytes: &[u8]) -> Vec<Field> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let tag = read_varint(&mut bytes).unwrap();
        if tag & 7 == 0 {
            let value = read_varint(&mut bytes).unwrap();
            out.push((tag >> 3, value.to_be_bytes().to_vec()));
        } else {
            let len = read_varint(&mut bytes).unwrap() as usize;
            let (value, rest) = bytes.split_at(len);
            out.push((tag >> 3, value.to_vec()));
            bytes = rest;
        }
    }
    out
}

/// Takes the first frame off, if it is complete.
fn next_frame(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut rest = bytes.as_slice();
    let len = read_varint(&mut rest)? as usize;
    let body = rest.get(..len)?.to_vec();
    let used = bytes.len() - rest.len() + len;
    bytes.drain(..used);
    Some(body)
}

#[derive(Clone)]
struct Frames {
    received: Sender<Vec<u8>>,
}

impl Codec for Frames {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = ();

    /// Tells every frame as it comes, until the other side closes.
    async fn read_request<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4_096]);
        loop {
            let n = stream.read(&mut chunk).await?;
            if n == 0 {
                return Ok(Vec::new());
            }
            bytes.extend_from_slice(&chunk[..n]);
            while let Some(frame) = next_frame(&mut bytes) {
                let _ = self.received.send(frame);
            }
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, stream: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        stream.write_all(&bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Ok(())
    }
}

pub struct Raw {
    send: UnboundedSender<Vec<u8>>,
    frames: Receiver<Vec<u8>>,
}

impl Raw {
    /// Connects at once.
    pub fn start(to: Multiaddr, peer: PeerId) -> Self {
        let (send, orders) = unbounded_channel();
        let (received, frames) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(to, peer, orders, received));
        });
        Self { send, frames }
    }

    /// Opens a gossip stream, writes this and closes it.
    pub fn send(&self, bytes: Vec<u8>) {
        self.send.send(bytes).unwrap();
    }

    /// The next frame, without its length.
    pub fn frame(&self) -> Vec<u8> {
        self.frames.recv_timeout(PATIENCE).expect("no frame came")
    }
}

async fn run(to: Multiaddr, peer: PeerId, mut orders: UnboundedReceiver<Vec<u8>>, received: Sender<Vec<u8>>) {
    let behaviour = |_: &libp2p::identity::Keypair| {
        let config = Config::default().with_request_timeout(Duration::from_secs(60));
        let protocol = StreamProtocol::new("/meshsub/1.1.0");
        Behaviour::with_codec(Frames { received }, [(protocol, ProtocolSupport::Full)], config)
    };
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(behaviour)
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    swarm.dial(to).unwrap();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => return,
                Some(bytes) => { swarm.behaviour_mut().send_request(&peer, bytes); }
            },
            event = swarm.select_next_some() => {
                if let SwarmEvent::Behaviour(Event::Message { message: Message::Request { .. }, .. }) = event {
                    return;
                }
            }
        }
    }
}
