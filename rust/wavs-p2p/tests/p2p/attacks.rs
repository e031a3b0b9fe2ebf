// SPDX-License-Identifier: Apache-2.0
//! What a hostile peer sends.

use std::iter::repeat_with;

use libp2p::identity::Keypair;
use wavs_p2p::ServiceId;

use crate::bytes::{changed_subscriptions, field, framed, number, sign, signed_message, varint};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attack {
    LongFrames,
    Topics,
    MalformedProtobuf,
    MalformedJson,
    Unsigned,
    Catchup,
    CatchupUnread,
    CatchupAnswers,
    Control,
}

pub const ATTACKS: [(&str, Attack); 9] = [
    ("long_frames", Attack::LongFrames),
    ("topics", Attack::Topics),
    ("malformed_protobuf", Attack::MalformedProtobuf),
    ("malformed_json", Attack::MalformedJson),
    ("unsigned", Attack::Unsigned),
    ("catchup", Attack::Catchup),
    ("catchup_unread", Attack::CatchupUnread),
    ("catchup_answers", Attack::CatchupAnswers),
    ("control", Attack::Control),
];

impl Attack {
    /// Frames or requests after which nobody listens to this peer any more, so that it comes back as another one.
    pub fn patience(self) -> u64 {
        match self {
            Self::MalformedJson | Self::Unsigned | Self::Control => 64,
            Self::Catchup | Self::CatchupUnread => 2_000,
            _ => u64::MAX,
        }
    }
}

/// Splitmix64: the same seed gives the same attack.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ value >> 31
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        repeat_with(|| self.next() as u8).take(len).collect()
    }
}

const LONG_FRAME: usize = 1 << 20;
const TOPICS: usize = 10_000;
const TOPICS_PER_FRAME: usize = 500;
/// Just below what a frame holds.
const MUCH: usize = 65_000;
/// Ids of messages in one control message.
const IDS: usize = 1_000;

/// Gossip frames, one after the other, without an end.
pub struct Frames {
    attack: Attack,
    topic: String,
    author: Keypair,
    random: Random,
    count: usize,
}

impl Frames {
    pub fn new(attack: Attack, service: ServiceId, seed: u64) -> Self {
        let author = Keypair::generate_ed25519();
        Self { attack, topic: service.topic(), author, random: Random(seed), count: 0 }
    }

    /// Who says it from now on.
    pub fn author(&mut self, author: Keypair) {
        self.author = author;
    }

    pub fn next(&mut self) -> Vec<u8> {
        self.count += 1;
        match self.attack {
            Attack::LongFrames => [varint(LONG_FRAME), vec![0; LONG_FRAME]].concat(),
            Attack::Topics => self.topics(),
            Attack::MalformedProtobuf => {
                let len = 1 + self.random.below(4_096);
                framed(&self.random.bytes(len))
            }
            Attack::MalformedJson => {
                let data = self.json();
                signed_message(&self.author, &self.topic, &self.sequence(), &data)
            }
            Attack::Unsigned => self.unsigned(),
            Attack::Control => self.control(),
            Attack::Catchup | Attack::CatchupUnread | Attack::CatchupAnswers => Vec::new(),
        }
    }

    fn sequence(&self) -> [u8; 8] {
        (self.count as u64).to_be_bytes()
    }

    fn topics(&self) -> Vec<u8> {
        let frames = TOPICS / TOPICS_PER_FRAME;
        let at = self.count - 1;
        let first = at % frames * TOPICS_PER_FRAME;
        let topics: Vec<_> = (first..first + TOPICS_PER_FRAME).map(topic).collect();
        changed_subscriptions((at / frames).is_multiple_of(2), &topics)
    }

    /// Each with the count in it, so that it is another message.
    fn json(&mut self) -> Vec<u8> {
        let head = format!("{{\"n\":{},", self.count);
        let many = |head: &str, unit: &str| head.to_owned() + &unit.repeat((MUCH - head.len()) / unit.len());
        let text = match self.count % 14 {
            0 => {
                let len = 1 + self.random.below(2_000);
                return self.random.bytes(len);
            }
            1 => {
                let id = &self.topic[5..69];
                let mut text = head
                    + "\"trigger_action\":{\"config\":{\"service_id\":\""
                    + id
                    + "\",\"workflow_id\":\"default\",\"trigger\":\"manual\"},\"data\":{\"Raw\":[1,2,3]}}}";
                text.truncate(20 + self.random.below(text.len() - 20));
                text
            }
            2 => many(&(head + "\"event_id\":"), "["),
            3 => many(&head, "\"a\":{"),
            4 => head + "\"event_id\":1e999999999,\"a\":-1e-999999999,\"b\":1e400}",
            5 => many(&(head + "\"event_id\":"), "9"),
            6 => many(&(head + "\"event_id\":\""), "\\u0000"),
            7 => return [head.as_bytes(), b"\"event_id\":\"\xff\xfe\xed\xa0\x80\"}"].concat(),
            8 => many(&head, "\"event_id\":null,"),
            9 => {
                head + "\"trigger_action\":[],\"operator_response\":7,\"event_id\":{},\"envelope\":\"\",\
                     \"envelope_signature\":null}"
            }
            10 => head.clone() + "\"a\":1} " + &head + "\"a\":2}",
            11 => head + "\"event_id\":\"\\ud800\",\"x\":NaN,\"y\":Infinity,/**/}",
            12 => many(&(head + "\"envelope_signature\":{\"data\":["), "256,"),
            _ => self.count.to_string(),
        };
        text.into_bytes()
    }

    fn unsigned(&mut self) -> Vec<u8> {
        let data = format!("{{\"n\":{}}}", self.count).into_bytes();
        let stranger = Keypair::generate_ed25519();
        let from = field(1, &self.author.public().to_peer_id().to_bytes());
        let rest = [field(2, &data), field(3, &self.sequence()), field(4, self.topic.as_bytes())].concat();
        let body = [from.clone(), rest.clone()].concat();
        let good = sign(&self.author, &body);
        let mut forged = good.clone();
        forged[63] ^= 1;
        let parts = match self.count % 9 {
            0 => vec![body, field(5, &forged)],
            1 => vec![body],
            2 => vec![body.clone(), field(5, &sign(&stranger, &body))],
            3 => vec![rest.clone(), field(5, &sign(&self.author, &rest))],
            4 => {
                let body = [from, field(2, &data), field(4, self.topic.as_bytes())].concat();
                vec![body.clone(), field(5, &sign(&self.author, &body))]
            }
            5 => {
                let key = stranger.public().encode_protobuf();
                vec![body.clone(), field(5, &sign(&stranger, &body)), field(6, &key)]
            }
            6 => {
                let len = self.random.below(1_000);
                vec![body, field(5, &self.random.bytes(len))]
            }
            7 => vec![field(1, &self.random.bytes(38)), rest, field(5, &good)],
            _ => vec![field(4, self.topic.as_bytes())],
        };
        framed(&field(2, &parts.concat()))
    }

    fn control(&mut self) -> Vec<u8> {
        let topic_field = field(1, self.topic.as_bytes());
        let message = match self.count % 6 {
            0 => field(1, &[topic_field, self.ids(2)].concat()),
            1 => field(2, &self.ids(1)),
            2 => field(3, &topic_field),
            3 => {
                let peer = field(2, &field(1, &self.random.bytes(38)));
                let backoff = number(3, self.random.next() as usize);
                field(4, &[topic_field, peer.repeat(IDS), backoff].concat())
            }
            4 => field(5, &self.ids(1)),
            _ => {
                let first = self.random.below(TOPICS);
                let strange =
                    |at| [field(3, &field(1, topic(at).as_bytes())), field(4, &topic_field)].concat();
                (first..first + 300).flat_map(strange).collect()
            }
        };
        framed(&field(3, &message))
    }

    fn ids(&mut self, number: usize) -> Vec<u8> {
        (0..IDS).flat_map(|_| field(number, self.random.next().to_string().as_bytes())).collect()
    }
}

fn topic(number: usize) -> String {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    ServiceId(id).topic()
}

/// A request of the catch-up attack, and whether it ends.
pub fn request(count: u64, service: ServiceId, random: &mut Random) -> (Vec<u8>, bool) {
    let good = format!("{{\"service_id\":\"{service}\"}}");
    let bytes = match count % 8 {
        0 | 1 => return valid_request(service),
        2 => format!("{{\"service_id\":\"{:064x}\"}}", random.next()).into_bytes(),
        3 => (good + &" ".repeat(100_000)).into_bytes(),
        4 => random.bytes(500),
        5 => "[".repeat(1_024).into_bytes(),
        6 => Vec::new(),
        // Few, since each is waited for.
        _ if count % 64 == 7 => return (good.as_bytes()[..20].to_vec(), false),
        _ => good.as_bytes()[..20].to_vec(),
    };
    (bytes, true)
}

pub fn valid_request(service: ServiceId) -> (Vec<u8>, bool) {
    (format!("{{\"service_id\":\"{service}\"}}").into_bytes(), true)
}

/// An answer of much the same: how it begins, what is repeated, and of how many bytes.
pub fn answer(count: u64, random: &mut Random) -> (&'static str, Vec<u8>, usize) {
    const MOST: usize = wavs_p2p::catchup::ANSWER_LIMIT;
    match count % 7 {
        0 => ("{\"submissions\":[{}", b",{}".to_vec(), MOST),
        1 => ("{\"submissions\":", b"[".to_vec(), MOST),
        2 => ("{\"submissions\":[\"", b"\\u0000".to_vec(), MOST),
        3 => ("{\"submissions\":[", b"{\"event_id\":".to_vec(), MOST),
        4 => ("{\"submissions\":[1", b",1e999".to_vec(), MOST),
        5 => ("", random.bytes(4_096), MOST),
        _ => ("{\"submissions\":[{}", b",{}".to_vec(), MOST + (1 << 20)),
    }
}
