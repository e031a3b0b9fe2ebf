// SPDX-License-Identifier: Apache-2.0
//! Bytes that other nodes have to agree on.

use libp2p::PeerId;
use wavs_p2p::catchup::{decode_request, encode_request};
use wavs_p2p::{ServiceId, frame, message_id};

const V1_SERVICE: &str = "f1872fc8f2fc194e1f55c47c6524231c445bebd0aadd4ebff81cfc5a567d7e68";
const V1_EVENT: &str = "0xa6fc5f71e2995f593bca8ff15ecefcfcf2e8793d";
const V1_SIGNATURE: &str = "22c3be9b0cfbe79b606e62d19ffdcc4fc964872411c88d95864437f182775ab7\
                            5277cdce025649e957f52426edcccd2cdf1a596e5644df18796044376b1fa8931b";

/// Of the public key 01 02 .. 20.
fn known_peer() -> PeerId {
    let key = (1..=32).collect::<Vec<u8>>();
    PeerId::from_bytes(&[&[0, 36, 8, 1, 18, 32], key.as_slice()].concat()).unwrap()
}

fn v1_submission() -> String {
    let signature: Vec<_> = (0..V1_SIGNATURE.len() / 2)
        .map(|i| u8::from_str_radix(&V1_SIGNATURE[2 * i..2 * i + 2], 16).unwrap().to_string())
        .collect();
    let signature = signature.join(",");
    format!(
        "{{\"trigger_action\":{{\"config\":{{\"service_id\":\"{V1_SERVICE}\",\"workflow_id\":\"default\",\
         \"trigger\":\"manual\"}},\"data\":{{\"Raw\":[1,2,3]}}}},\"operator_response\":{{\"payload\":\
         \"0xdeadbeef\",\"ordering\":null,\"event_id_salt\":null}},\"event_id\":\"{V1_EVENT}\",\"envelope\":\
         {{\"eventId\":\"{V1_EVENT}\",\"ordering\":\"0x000000000000000000000000\",\"payload\":\"0xdeadbeef\"}},\
         \"envelope_signature\":{{\"data\":[{signature}],\"kind\":{{\"algorithm\":\"secp256k1\",\"prefix\":\
         \"eip191\"}}}}}}"
    )
}

#[test]
fn message_ids_are_those_of_the_network() {
    let peer = known_peer();
    assert_eq!(peer.to_string(), "12D3KooW9tJMax94Lrqw7Y5Qw36viGQAS2gTEPQ5Wg1vTk7xPfQs");
    let topic = ServiceId::from_hex(V1_SERVICE).unwrap().topic();
    assert_eq!(message_id(b"hello", Some(&peer), &topic), "14208139129161452533");
    let submission = v1_submission();
    assert_eq!(submission.len(), 760);
    assert_eq!(message_id(submission.as_bytes(), Some(&peer), &topic), "6578512607182957096");
}

#[test]
fn a_service_has_one_topic() {
    let service = ServiceId::from_hex(V1_SERVICE).unwrap();
    let topic = service.topic();
    assert_eq!(topic, format!("wavs/{V1_SERVICE}/topic/v1"));
    assert_eq!(topic.len(), 78);
    assert_eq!(ServiceId::from_topic(&topic), Some(service));
    for other in [
        topic.to_uppercase(),
        topic.replace("f1872f", "F1872F"),
        topic.replace("v1", "v2"),
        topic.replace("wavs/", "wavs/0x"),
        format!("{topic}/"),
        topic.replacen('f', "", 1),
        topic.replacen('f', "g", 1),
        topic.replacen("f1", "+1", 1),
        String::new(),
        "wavs//topic/v1".to_owned(),
    ] {
        assert_eq!(ServiceId::from_topic(&other), None, "{other}");
    }
    assert_eq!(ServiceId::from_hex(&format!("0x{}", V1_SERVICE.to_uppercase())), Some(service));
}

#[test]
fn catchup_requests_are_json_of_a_service_id() {
    let service = ServiceId::from_hex(V1_SERVICE).unwrap();
    let text = format!("{{\"service_id\":\"{V1_SERVICE}\"}}");
    assert_eq!(encode_request(&service), text.as_bytes());
    let spaced = format!(" {{ \"since\": [1], \"service_id\" : \"{V1_SERVICE}\" }} ");
    for good in [&text, &spaced, &format!("{text}{}", " ".repeat(1_024 - text.len()))] {
        assert_eq!(decode_request(good.as_bytes()).unwrap(), service);
    }
    for bad in ["", "{}", "[]", "{\"service_id\":\"f1\"}", "{\"service_id\":7}", &format!("{text}x")] {
        assert!(decode_request(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(decode_request(format!("{text}{}", " ".repeat(1_025 - text.len())).as_bytes()).is_err());
}

#[test]
fn the_longest_message_fills_a_frame() {
    let most = (0..70_000).rev().find(|data| frame::fits(*data)).unwrap();
    assert_eq!(frame::frame_len(most), frame::FRAME_LIMIT);
    assert_eq!(most, 65_291);
    assert!(!frame::fits(usize::MAX));
}
