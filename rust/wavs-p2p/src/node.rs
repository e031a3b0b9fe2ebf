// SPDX-License-Identifier: Apache-2.0
//! A running node, as its owner holds it. Every function may be called from any thread.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use libp2p::PeerId;
use libp2p::identity::Keypair;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::catchup::ANSWER_LIMIT;
use crate::command::Command;
use crate::config::Config;
use crate::event::{EventHandler, Token, Verdict};
use crate::failure::{Failure, FailureKind};
use crate::frame;
use crate::status::Status;
use crate::topic::ServiceId;
use crate::worker::Worker;

/// How long `status` waits for its turn.
const STATUS_WAIT: Duration = Duration::from_secs(5);
/// How long `stop` waits for the end of the thread.
const STOP_WAIT: Duration = Duration::from_secs(5);

pub struct Node {
    commands: UnboundedSender<Command>,
    /// Ahead of what the thread knows by the commands under way, in the same order.
    subscribed: Mutex<HashSet<ServiceId>>,
    own_topics: usize,
    /// Messages handed over that the thread has not looked at.
    publishes_under_way: Arc<AtomicUsize>,
    max_publishes: usize,
    local_peer: PeerId,
    running: Mutex<Option<Running>>,
}

struct Running {
    runtime: Runtime,
    ended: Receiver<()>,
}

impl Node {
    /// Listens and starts the thread. `identity` is an Ed25519 secret key.
    pub fn start(
        config: Config,
        mut identity: [u8; 32],
        handler: impl EventHandler,
    ) -> Result<Self, Failure> {
        let keypair = Keypair::ed25519_from_bytes(&mut identity)
            .map_err(|error| Failure::invalid(format!("identity: {error}")))?;
        let config = config.checked()?;
        let (own_topics, max_publishes) =
            (config.config.limits.own_topics, config.config.max_pending_publishes);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("wavs-p2p")
            .enable_all()
            .build()
            .map_err(|error| Failure::internal(format!("thread: {error}")))?;
        let handler = Arc::new(Mutex::new(handler));
        let publishes_under_way = Arc::new(AtomicUsize::new(0));
        let worker = {
            let _within = runtime.enter();
            Worker::new(&keypair, config, handler.clone(), publishes_under_way.clone())?
        };
        let (commands, received) = unbounded_channel();
        let (ending, ended) = sync_channel(1);
        runtime.spawn(async move {
            let result = AssertUnwindSafe(worker.run(received)).catch_unwind().await;
            let failure = result.unwrap_or_else(|_| Err(Failure::internal("the p2p thread panicked"))).err();
            handler.lock().unwrap_or_else(PoisonError::into_inner).ended(failure);
            let _ = ending.send(());
        });
        Ok(Self {
            commands,
            subscribed: Mutex::default(),
            own_topics,
            publishes_under_way,
            max_publishes,
            local_peer: keypair.public().to_peer_id(),
            running: Mutex::new(Some(Running { runtime, ended })),
        })
    }

    pub fn local_peer(&self) -> PeerId {
        self.local_peer
    }

    /// Takes part in the gossip of a service and asks the connected peers what was missed. Again is fine.
    pub fn subscribe(&self, service: ServiceId) -> Result<(), Failure> {
        let mut subscribed = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        if subscribed.contains(&service) {
            return Ok(());
        }
        if subscribed.len() >= self.own_topics {
            let text = format!("{} services are subscribed already", self.own_topics);
            return Err(Failure::new(FailureKind::Overloaded, text));
        }
        self.send(Command::Subscribe(service))?;
        subscribed.insert(service);
        Ok(())
    }

    /// Leaves the gossip of a service and forgets what waits to be published for it.
    pub fn unsubscribe(&self, service: ServiceId) -> Result<(), Failure> {
        let mut subscribed = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        if subscribed.remove(&service) {
            self.send(Command::Unsubscribe(service))?;
        }
        Ok(())
    }

    /// Hands a message to the peers of a service; refused when the service is not subscribed. What cannot
    /// be delivered comes back as `Event::PublishFailed`.
    pub fn publish(&self, service: ServiceId, data: Vec<u8>) -> Result<(), Failure> {
        let subscribed = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
        if !subscribed.contains(&service) {
            let text = format!("service {service} is not subscribed");
            return Err(Failure::new(FailureKind::NotSubscribed, text));
        }
        if !frame::fits(data.len()) {
            return self.send(Command::TooLarge(service, data.len()));
        }
        if self.publishes_under_way.fetch_add(1, Ordering::Relaxed) >= self.max_publishes {
            self.publishes_under_way.fetch_sub(1, Ordering::Relaxed);
            let text = format!("{} messages wait to be published", self.max_publishes);
            return Err(Failure::new(FailureKind::Overloaded, text));
        }
        self.send(Command::Publish(service, data))
    }

    /// Decides over a message; without effect when that has happened or its time is over.
    pub fn judge(&self, message: Token, verdict: Verdict) -> Result<(), Failure> {
        self.send(Command::Judge(message, verdict))
    }

    /// The JSON text for a peer that asked; without effect when its time is over.
    pub fn answer_catchup(&self, request: Token, answer: Vec<u8>) -> Result<(), Failure> {
        if answer.len() > ANSWER_LIMIT {
            let text = format!("answer of {} bytes, at most {ANSWER_LIMIT}", answer.len());
            return Err(Failure::invalid(text));
        }
        self.send(Command::AnswerCatchup(request, answer))
    }

    /// Asks one peer of the service, by chance, what there is; nothing happens without one.
    pub fn request_catchup(&self, service: ServiceId) -> Result<(), Failure> {
        self.send(Command::RequestCatchup(service))
    }

    /// So many more events may be handed over.
    pub fn grant(&self, events: u64) -> Result<(), Failure> {
        self.send(Command::Grant(events))
    }

    /// Waits for a turn of the node's thread, hence not from a handler.
    pub fn status(&self) -> Result<Status, Failure> {
        let (reply, answer) = sync_channel(1);
        self.send(Command::Status(reply))?;
        answer.recv_timeout(STATUS_WAIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => Failure::new(FailureKind::Overloaded, "no turn within 5 s"),
            RecvTimeoutError::Disconnected => Failure::stopped(),
        })
    }

    /// Closes all connections; returns after the handler's last call. Again is fine; not from a handler.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            let _ = self.commands.send(Command::Stop);
            let _ = running.ended.recv_timeout(STOP_WAIT);
            running.runtime.shutdown_timeout(STOP_WAIT);
        }
    }

    fn send(&self, command: Command) -> Result<(), Failure> {
        self.commands.send(command).map_err(|_| Failure::stopped())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A message under way counts until the thread has looked at it.
pub(crate) fn taken(publishes_under_way: &AtomicUsize) {
    publishes_under_way.fetch_sub(1, Ordering::Relaxed);
}

/// Sends without waiting: the one who asked has gone when there is no room.
pub(crate) fn reply(to: &SyncSender<Status>, status: Status) {
    let _ = to.try_send(status);
}
