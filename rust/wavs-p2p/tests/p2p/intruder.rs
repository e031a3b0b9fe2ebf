// SPDX-License-Identifier: Apache-2.0
//! A hostile peer: who it is and how it is connected. It has no protocol of the library above noise and
//! yamux, so that it can say what the library would not. What waits to be sent is bounded by what the other
//! side reads.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::core::muxing::{StreamMuxerBox, StreamMuxerExt, SubstreamBox};
use libp2p::core::transport::{Boxed, DialOpts, PortUse};
use libp2p::core::upgrade::Version;
use libp2p::core::{Endpoint, Transport};
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, PeerId, noise, tcp, yamux};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use wavs_p2p::ServiceId;

use crate::attacks::{Attack, Frames, Random, answer, request, valid_request};
use crate::bytes::{subscriptions, varint};

const CONNECT: Duration = Duration::from_secs(5);
/// Who takes nothing for so long has stopped reading.
const STALL: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);
/// How long answers are left where they are.
const UNREAD: Duration = Duration::from_secs(10);
/// Catch-up requests under way, and streams the other side may have open.
const OUTSTANDING: usize = 64;
/// Gossip streams that the other side takes on one connection.
const STREAMS: usize = 4;
/// The most that is written at a time.
const PIECE: usize = 16_384;

const HEADER: &str = "/multistream/1.0.0";
const GOSSIP: &str = "/meshsub/1.1.0";
const CATCHUP: &str = "/wavs/catchup/1.0.0";

#[derive(Clone)]
pub struct Target {
    pub address: Multiaddr,
    pub peer: PeerId,
    pub service: ServiceId,
}

/// What was done so far. A frame or an answer counts as soon as some of it is on its way.
#[derive(Default)]
pub struct Counts {
    pub sent: AtomicU64,
    pub bytes: AtomicU64,
    pub connections: AtomicU64,
}

/// Attacks until the time is over. An error only if the first connection cannot be made.
pub fn run(target: Target, attack: Attack, time: Duration, seed: u64) -> io::Result<Arc<Counts>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let counts = Arc::new(Counts::default());
    let frames = Frames::new(attack, target.service, seed);
    let mut intruder = Intruder { target, attack, frames, random: Random(seed), counts: counts.clone() };
    runtime.block_on(intruder.attack(time))?;
    Ok(counts)
}

struct Intruder {
    target: Target,
    attack: Attack,
    frames: Frames,
    random: Random,
    counts: Arc<Counts>,
}

impl Intruder {
    async fn attack(&mut self, time: Duration) -> io::Result<()> {
        let mut line = Some(self.connect().await?);
        let end = Instant::now() + time;
        while Instant::now() < end {
            match line.take() {
                Some(line) => {
                    let _ = timeout_at(end, self.live(&line)).await;
                }
                None => sleep(PAUSE).await,
            }
            line = timeout_at(end, self.connect()).await.ok().and_then(Result::ok);
        }
        Ok(())
    }

    /// As somebody new.
    async fn connect(&mut self) -> io::Result<Line> {
        let key = Keypair::generate_ed25519();
        let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let dialled =
            transport(&key)?.dial(self.target.address.clone(), options).map_err(io::Error::other)?;
        let (peer, muxer) = dialled.await?;
        if peer != self.target.peer {
            return Err(io::Error::other(format!("there is {peer}")));
        }
        self.frames.author(key);
        self.counts.connections.fetch_add(1, Relaxed);
        let (orders, received) = mpsc::channel(1);
        tokio::spawn(drive(muxer, received, self.attack, self.counts.clone(), self.random.next()));
        Ok(Line { orders })
    }

    /// Until nobody listens any more.
    async fn live(&mut self, line: &Line) -> io::Result<()> {
        match self.attack {
            Attack::Catchup | Attack::CatchupUnread => self.ask(line).await,
            Attack::CatchupAnswers => self.wait_for_requests(line).await,
            _ => self.gossip(line).await,
        }
    }

    async fn gossip(&mut self, line: &Line) -> io::Result<()> {
        for _ in 0..STREAMS {
            let (mut read, mut write) = line.open(GOSSIP).await?.split();
            let worn_out = tokio::select! {
                // Once it is closed there is no point in writing.
                _ = drain(&mut read) => false,
                written = self.write_frames(&mut write) => { written?; true }
            };
            if worn_out {
                // Or what is on its way would be lost with the connection.
                write.close().await?;
                let _ = timeout(STALL, drain(&mut read)).await;
                return Ok(());
            }
        }
        Ok(())
    }

    async fn write_frames(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        to.write_all(&subscriptions(&[self.target.service.topic()])).await?;
        for _ in 0..self.attack.patience() {
            let frame = self.frames.next();
            self.counts.sent.fetch_add(1, Relaxed);
            write(to, &frame, &self.counts).await?;
            // A stream that takes everything at once would leave the others no time.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn ask(&mut self, line: &Line) -> io::Result<()> {
        let mut asked = JoinSet::new();
        for _ in 0..self.attack.patience() {
            if line.orders.is_closed() {
                break;
            }
            if asked.len() == OUTSTANDING {
                asked.join_next().await;
            }
            let count = self.counts.sent.fetch_add(1, Relaxed);
            let reads = self.attack == Attack::Catchup;
            let (bytes, ends) = match reads {
                true => request(count, self.target.service, &mut self.random),
                false => valid_request(self.target.service),
            };
            asked.spawn(ask(line.clone(), bytes, ends, reads, self.counts.clone()));
        }
        Ok(())
    }

    /// The answers are given where its streams come in.
    async fn wait_for_requests(&mut self, line: &Line) -> io::Result<()> {
        let mut gossip = line.open(GOSSIP).await?;
        gossip.write_all(&subscriptions(&[self.target.service.topic()])).await?;
        gossip.flush().await?;
        let progress = || self.counts.bytes.load(Relaxed);
        let mut before = progress();
        let patience = Instant::now() + STALL;
        while before == progress() && Instant::now() < patience {
            sleep(PAUSE).await;
        }
        // It asks once; as somebody else there will be another request.
        while before != progress() {
            before = progress();
            sleep(PAUSE).await;
        }
        Ok(())
    }
}

type Connections = Boxed<(PeerId, StreamMuxerBox)>;

fn transport(key: &Keypair) -> io::Result<Connections> {
    let noise = noise::Config::new(key).map_err(io::Error::other)?;
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let upgraded = tcp.upgrade(Version::V1Lazy).authenticate(noise).multiplex(yamux::Config::default());
    Ok(upgraded.timeout(CONNECT).boxed())
}

/// A connection; it ends when this is dropped.
#[derive(Clone)]
struct Line {
    orders: mpsc::Sender<oneshot::Sender<SubstreamBox>>,
}

impl Line {
    async fn open(&self, protocol: &str) -> io::Result<SubstreamBox> {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let opened = async {
            let (give, take) = oneshot::channel();
            self.orders.send(give).await.map_err(|_| gone())?;
            let mut stream = take.await.map_err(|_| gone())?;
            propose(&mut stream, protocol).await?;
            Ok(stream)
        };
        timeout(STALL, opened).await?
    }
}

/// Opens streams on order and serves those of the other side, until the connection or the orders end.
async fn drive(
    mut muxer: StreamMuxerBox,
    mut orders: mpsc::Receiver<oneshot::Sender<SubstreamBox>>,
    attack: Attack,
    counts: Arc<Counts>,
    seed: u64,
) {
    let mut order = None;
    let mut served = JoinSet::new();
    let mut random = Random(seed);
    poll_fn(|cx| {
        loop {
            if order.is_none() {
                match orders.poll_recv(cx) {
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Ready(Some(next)) => order = Some(next),
                    Poll::Pending => {}
                }
            }
            if order.is_some() {
                match muxer.poll_outbound_unpin(cx) {
                    Poll::Ready(Ok(stream)) => {
                        let _ = order.take().map(|order| order.send(stream));
                        continue;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            while let Poll::Ready(Some(_)) = served.poll_join_next(cx) {}
            match muxer.poll_inbound_unpin(cx) {
                Poll::Ready(Ok(stream)) => {
                    if served.len() < OUTSTANDING {
                        served.spawn(serve(stream, attack, counts.clone(), Random(random.next())));
                    }
                    continue;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            match muxer.poll_unpin(cx) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}

async fn serve(
    mut stream: SubstreamBox,
    attack: Attack,
    counts: Arc<Counts>,
    mut random: Random,
) -> io::Result<()> {
    let protocol = timeout(STALL, accept(&mut stream)).await??;
    if protocol != CATCHUP {
        return drain(&mut stream).await;
    }
    timeout(STALL, drain(&mut stream)).await??;
    if attack != Attack::CatchupAnswers {
        stream.write_all(b"{\"submissions\":[]}").await?;
        return stream.close().await;
    }
    let (head, unit, mut left) = answer(counts.sent.fetch_add(1, Relaxed), &mut random);
    write(&mut stream, head.as_bytes(), &counts).await?;
    left -= head.len();
    let piece = unit.repeat(PIECE.div_ceil(unit.len()));
    while left > 0 {
        let part = &piece[..left.min(piece.len())];
        write(&mut stream, part, &counts).await?;
        left -= part.len();
    }
    stream.close().await
}

/// Takes back no more than the other side may answer.
async fn ask(line: Line, request: Vec<u8>, ends: bool, reads: bool, counts: Arc<Counts>) -> io::Result<()> {
    let mut stream = line.open(CATCHUP).await?;
    write(&mut stream, &request, &counts).await?;
    match ends {
        true => stream.close().await?,
        false => stream.flush().await?,
    }
    if !reads {
        sleep(UNREAD).await;
    }
    timeout(STALL, drain(&mut stream)).await?
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], counts: &Counts) -> io::Result<()> {
    for piece in bytes.chunks(PIECE) {
        timeout(STALL, to.write_all(piece)).await??;
        counts.bytes.fetch_add(piece.len() as u64, Relaxed);
    }
    Ok(())
}

/// Reads to the end and keeps nothing.
async fn drain(from: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut chunk = [0; 4_096];
    while from.read(&mut chunk).await? > 0 {}
    Ok(())
}

/// Multistream-select, for one protocol.
async fn propose(stream: &mut SubstreamBox, protocol: &str) -> io::Result<()> {
    stream.write_all(&[line(HEADER), line(protocol)].concat()).await?;
    stream.flush().await?;
    for expected in [HEADER, protocol] {
        if read_line(stream).await? != expected {
            return Err(io::Error::other(format!("no {protocol}")));
        }
    }
    Ok(())
}

/// The protocol that the other side wants on its stream.
async fn accept(stream: &mut SubstreamBox) -> io::Result<String> {
    read_line(stream).await?;
    stream.write_all(&line(HEADER)).await?;
    stream.flush().await?;
    for _ in 0..8 {
        let protocol = read_line(stream).await?;
        let known = protocol == CATCHUP || protocol.starts_with("/meshsub/");
        stream.write_all(&line(if known { &protocol } else { "na" })).await?;
        stream.flush().await?;
        if known {
            return Ok(protocol);
        }
    }
    Err(io::ErrorKind::Unsupported.into())
}

fn line(text: &str) -> Vec<u8> {
    [varint(text.len() + 1), text.as_bytes().to_vec(), vec![b'\n']].concat()
}

/// No line of ours needs a second byte of length.
async fn read_line(stream: &mut SubstreamBox) -> io::Result<String> {
    let mut len = [0];
    stream.read_exact(&mut len).await?;
    let mut bytes = vec![0; usize::from(len[0])];
    stream.read_exact(&mut bytes).await?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(text.trim_end().to_owned())
}
