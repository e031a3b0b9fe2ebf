// SPDX-License-Identifier: Apache-2.0
//! The node's thread: one loop over commands, the swarm and timers. What happens in the swarm is in
//! `swarm_events`, what happens by the clock in `chores`.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::gossipsub::{IdentTopic, MessageAcceptance, PublishError, TopicHash};
use libp2p::identity::Keypair;
use libp2p::request_response::OutboundRequestId;
use libp2p::{PeerId, Swarm};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};

use crate::answers::Answers;
use crate::asks::Asks;
use crate::command::Command;
use crate::config::{Checked, Config, Mode};
use crate::dialer::Dialer;
use crate::event::{Event, EventHandler, PublishFailure, Token, Verdict};
use crate::failure::Failure;
use crate::inbox::Inbox;
use crate::node::{reply, taken};
use crate::outbox::{Outbox, Pending};
use crate::rate::Rates;
use crate::scoring;
use crate::stack::{self, Stack};
use crate::status::Counters;
use crate::topic::ServiceId;
use crate::verdicts::{Unjudged, Verdicts};

/// How exactly timeouts and re-dials are kept.
const CHORES: Duration = Duration::from_millis(250);

pub(crate) struct Worker<H> {
    pub swarm: Swarm<Stack>,
    pub config: Config,
    pub announce_loopback: bool,
    pub inbox: Inbox,
    pub outbox: Outbox,
    pub verdicts: Verdicts,
    pub asks: Asks<OutboundRequestId>,
    pub answers: Answers,
    pub dialer: Dialer,
    pub next_local_dial: Instant,
    pub message_rates: Rates<PeerId>,
    pub catchup_rates: Rates<PeerId>,
    pub counters: Counters,
    pub peers: HashMap<PeerId, PeerNotes>,
    pub subscribed: HashSet<ServiceId>,
    last_token: Token,
    publishes_under_way: Arc<AtomicUsize>,
    handler: Arc<Mutex<H>>,
}

/// What is known of a connected peer.
#[derive(Default)]
pub(crate) struct PeerNotes {
    pub agent: String,
    pub foreign: bool,
    /// Runs on this machine.
    pub near: bool,
}

impl<H: EventHandler> Worker<H> {
    /// Within the runtime. Listens before it returns.
    pub fn new(
        keypair: &Keypair,
        checked: Checked,
        handler: Arc<Mutex<H>>,
        publishes_under_way: Arc<AtomicUsize>,
    ) -> Result<Self, Failure> {
        let Checked { config, bootstrap, listen, listen_if_possible, external, announce_loopback } = checked;
        let mut swarm = stack::swarm(keypair, &config)?;
        stack::listen(&mut swarm, listen, listen_if_possible, config.port_fallback)?;
        external.into_iter().for_each(|address| swarm.add_external_address(address));
        let limits = &config.limits;
        Ok(Self {
            inbox: Inbox::new(limits.waiting_events, limits.waiting_bytes),
            outbox: Outbox::new(config.max_pending_publishes, config.max_retry_duration),
            verdicts: Verdicts::new(config.verdict_timeout),
            asks: Asks::new(limits.catchups, config.max_concurrent_catchup_requests_per_service),
            answers: Answers::new(limits.catchup_answers, limits.catchup_answer_bytes),
            dialer: Dialer::new(bootstrap, Instant::now()),
            next_local_dial: Instant::now(),
            message_rates: Rates::new(limits.peer_messages_per_second, limits.peer_message_burst),
            catchup_rates: Rates::new(limits.peer_catchups_per_second, limits.peer_catchup_burst),
            counters: Counters::default(),
            peers: HashMap::new(),
            subscribed: HashSet::new(),
            last_token: 0,
            swarm,
            announce_loopback,
            config,
            handler,
            publishes_under_way,
        })
    }

    /// Until it is told to stop, its owner is gone, or it cannot listen any more.
    pub async fn run(mut self, mut commands: UnboundedReceiver<Command>) -> Result<(), Failure> {
        let mut retries = interval(self.config.retry_interval);
        let mut chores = interval(CHORES);
        let mut discovery = interval(self.config.kademlia_discovery_interval);
        for timer in [&mut retries, &mut chores, &mut discovery] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let remote = self.config.mode != Mode::Local;
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event)?,
                command = commands.recv() => match command {
                    None | Some(Command::Stop) => return Ok(()),
                    Some(command) => self.on_command(command),
                },
                _ = retries.tick(), if !self.outbox.is_empty() => self.retry_publishes(),
                _ = chores.tick() => self.do_chores(),
                _ = discovery.tick(), if remote => self.discover(),
            }
            self.deliver();
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Subscribe(service) => self.subscribe(service),
            Command::Unsubscribe(service) => self.unsubscribe(&service),
            Command::Publish(service, data) => {
                taken(&self.publishes_under_way);
                self.publish(Pending { service, data, since: Instant::now() });
            }
            Command::TooLarge(service, size) => {
                self.publish_failed(service, PublishFailure::TooLarge, size);
            }
            Command::Judge(token, verdict) => self.judge(token, verdict),
            Command::AnswerCatchup(token, answer) => self.answer(token, answer),
            Command::RequestCatchup(service) => self.ask_some_peer(service),
            Command::Grant(events) => self.inbox.grant(events),
            Command::Status(to) => reply(&to, self.status()),
            Command::Stop => {}
        }
    }

    fn subscribe(&mut self, service: ServiceId) {
        let topic = IdentTopic::new(service.topic());
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        // Neither can fail: scoring is on, and the filter lets topics of services through.
        let _ = gossip.set_topic_params(topic.clone(), scoring::topic());
        let _ = gossip.subscribe(&topic);
        self.subscribed.insert(service);
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        peers.into_iter().for_each(|peer| self.asks.want(peer, service));
        self.start_asks();
    }

    fn unsubscribe(&mut self, service: &ServiceId) {
        self.swarm.behaviour_mut().gossip.unsubscribe(&IdentTopic::new(service.topic()));
        self.subscribed.remove(service);
        self.asks.forget_service(service);
        self.outbox.of(|waiting| waiting == service);
    }

    /// True: somebody has it now.
    pub fn publish(&mut self, message: Pending) -> bool {
        let topic = TopicHash::from_raw(message.service.topic());
        match self.swarm.behaviour_mut().gossip.publish(topic, message.data.clone()) {
            Ok(_) => self.counters.published += 1,
            Err(PublishError::Duplicate) => self.counters.published_before += 1,
            Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => {
                if let Some(oldest) = self.outbox.push(message) {
                    self.publish_failed(oldest.service, PublishFailure::Dropped, oldest.data.len());
                }
                return false;
            }
            Err(PublishError::MessageTooLarge) => {
                self.publish_failed(message.service, PublishFailure::TooLarge, message.data.len());
            }
            Err(_) => self.publish_failed(message.service, PublishFailure::Dropped, message.data.len()),
        }
        true
    }

    pub fn publish_failed(&mut self, service: ServiceId, reason: PublishFailure, size: usize) {
        match reason {
            PublishFailure::TooLarge => self.counters.publish_too_large += 1,
            PublishFailure::Expired => self.counters.publish_expired += 1,
            PublishFailure::Dropped => self.counters.publish_dropped += 1,
        }
        self.notice(Event::PublishFailed { service, reason, size });
    }

    fn judge(&mut self, token: Token, verdict: Verdict) {
        if let Some(message) = self.verdicts.take(token) {
            match verdict {
                Verdict::Accept => self.counters.accepted += 1,
                Verdict::Reject => self.counters.rejected += 1,
                Verdict::Ignore => self.counters.ignored += 1,
            }
            self.report(&message, verdict);
        }
    }

    pub fn report(&mut self, message: &Unjudged, verdict: Verdict) {
        let acceptance = match verdict {
            Verdict::Accept if message.keep_back => MessageAcceptance::Ignore,
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Reject => MessageAcceptance::Reject,
            Verdict::Ignore => MessageAcceptance::Ignore,
        };
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&message.id, &message.delivered_by, acceptance);
    }

    fn answer(&mut self, token: Token, answer: Vec<u8>) {
        // A peer that has gone or lost patience needs none; for another there is no room.
        if let Some(channel) = self.answers.give(token, answer.len()) {
            let _ = self.swarm.behaviour_mut().catchup.send_response(channel, answer);
        }
    }

    fn ask_some_peer(&mut self, service: ServiceId) {
        let topic = TopicHash::from_raw(service.topic());
        let gossip = &self.swarm.behaviour().gossip;
        let peers: Vec<_> = gossip
            .all_peers()
            .filter(|(_, topics)| topics.contains(&&topic))
            .map(|(peer, _)| *peer)
            .collect();
        if !peers.is_empty() {
            // A fresh hash state is random enough to spread questions.
            let chance = RandomState::new().hash_one(0) as usize;
            self.asks.want(peers[chance % peers.len()], service);
            self.start_asks();
        }
    }

    pub fn start_asks(&mut self) {
        while let Some((peer, service)) = self.asks.next() {
            let id = self.swarm.behaviour_mut().catchup.send_request(&peer, service);
            self.counters.catchup_asked += 1;
            self.asks.started(id, peer, service);
        }
    }

    pub fn next_token(&mut self) -> Token {
        self.last_token += 1;
        self.last_token
    }

    pub fn notice(&mut self, event: Event) {
        if !self.inbox.push_notice(event) {
            self.counters.notices_lost += 1;
        }
    }

    fn deliver(&mut self) {
        if let Some(first) = self.inbox.next() {
            let mut handler = self.handler.lock().unwrap_or_else(PoisonError::into_inner);
            handler.event(first);
            while let Some(event) = self.inbox.next() {
                handler.event(event);
            }
        }
    }
}
