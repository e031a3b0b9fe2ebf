// SPDX-License-Identifier: Apache-2.0
//! Any text as a topic and as a service id.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wavs_fuzz::topic::{ServiceId, TOPIC_LEN};

fuzz_target!(|text: &str| {
    // One spelling: what is read as a topic is what the service writes.
    if let Some(service) = ServiceId::from_topic(text) {
        assert_eq!(service.topic(), text);
    }
    if let Some(service) = ServiceId::from_hex(text) {
        let digits = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase();
        assert_eq!(service.to_string(), digits);
        let topic = service.topic();
        assert_eq!(topic.len(), TOPIC_LEN);
        assert_eq!(ServiceId::from_topic(&topic), Some(service));
    }
});
