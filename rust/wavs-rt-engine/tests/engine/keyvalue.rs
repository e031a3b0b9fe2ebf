// SPDX-License-Identifier: Apache-2.0
//! The key-value store through its example.

use crate::support::*;
use wavs_rt_engine::*;

struct Kv {
    bed: Bed,
    digest: [u8; 32],
}

impl Kv {
    fn new(page: usize) -> Self {
        let bed = Bed::with_node(Options::default(), Node { page, ..Node::default() });
        let digest = bed.operator("kv");
        Self { bed, digest }
    }

    /// The JSON inside the payload's ABI frame.
    fn ask(&self, json: &str) -> Result<String, String> {
        let responses = self.bed.responses(text_request(self.digest, json));
        let payload = responses.map_err(|failure| failure.message)?.remove(0).payload;
        let length = usize::from(payload[126]) << 8 | usize::from(payload[127]);
        Ok(String::from_utf8(payload[128..128 + length].to_vec()).unwrap())
    }

    fn expect(&self, json: &str, answer: &str) {
        assert_eq!(self.ask(json).as_deref(), Ok(answer), "{json}");
    }
}

#[test]
fn single_values() {
    let kv = Kv::new(0);
    kv.expect(r#"{"write":{"bucket":"b","key":"k","value":[1,2]}}"#, r#""write""#);
    kv.expect(r#"{"read":{"bucket":"b","key":"k"}}"#, r#"{"read":{"value":[1,2]}}"#);
    let missing = kv.ask(r#"{"read":{"bucket":"c","key":"k"}}"#).unwrap_err();
    assert_eq!(missing, "Missing key: k for bucket c");
}

#[test]
fn counters_and_swaps() {
    let kv = Kv::new(0);
    let add = |delta: i64| format!(r#"{{"atomic_increment":{{"bucket":"b","key":"n","delta":{delta}}}}}"#);
    kv.expect(&add(3), r#"{"atomic_increment":{"value":3}}"#);
    kv.expect(&add(2), r#"{"atomic_increment":{"value":5}}"#);
    kv.expect(&add(-6), r#"{"atomic_increment":{"value":-1}}"#);
    assert_eq!(kv.ask(&add(i64::MAX)).map(|_| ()), Ok(()));
    assert_eq!(kv.ask(&add(i64::MAX)).unwrap_err(), "overflow");
    kv.expect(r#"{"write":{"bucket":"b","key":"m","value":[10,0,0,0,0,0,0,0]}}"#, r#""write""#);
    let separate = r#"{"atomic_increment":{"bucket":"b","key":"m","delta":3}}"#;
    kv.expect(separate, r#"{"atomic_increment":{"value":3}}"#);
    kv.expect(r#"{"atomic_swap":{"bucket":"b","key":"new","value":[9]}}"#, r#""atomic_swap""#);
    kv.expect(r#"{"atomic_swap":{"bucket":"b","key":"new","value":[8]}}"#, r#""atomic_swap""#);
    kv.expect(r#"{"atomic_read":{"bucket":"b","key":"new"}}"#, r#"{"atomic_read":{"value":[8]}}"#);
    let absent = kv.ask(r#"{"atomic_read":{"bucket":"b","key":"q"}}"#).unwrap_err();
    assert_eq!(absent, "Missing key: q for bucket b");
}

#[test]
fn a_swap_notices_a_change() {
    let bed = Bed::new(Options::default());
    let probe = bed.operator("probe");
    assert_eq!(bed.text(text_request(probe, "conflict:k")).unwrap(), "failed stored");
    let at = ("cas".to_owned(), "k".to_owned());
    assert_eq!(bed.node.values.lock().unwrap()[&at], b"mine");
}

#[test]
fn batches() {
    let kv = Kv::new(0);
    let values: Vec<_> = (0..10).map(|i| format!(r#""k{i}":[{i}]"#)).collect();
    let write = format!(r#"{{"batch_write":{{"bucket":"b","values":{{{}}}}}}}"#, values.join(","));
    kv.expect(&write, r#""batch_write""#);
    kv.expect(r#"{"batch_delete":{"bucket":"b","keys":["k1","k3","k5","zz"]}}"#, r#""batch_delete""#);
    kv.expect(
        r#"{"batch_read":{"bucket":"b","keys":["k0","k1","k2"]}}"#,
        r#"{"batch_read":{"values":{"k0":[0],"k2":[2]}}}"#,
    );
    kv.expect(r#"{"read":{"bucket":"b","key":"k9"}}"#, r#"{"read":{"value":[9]}}"#);
    assert!(kv.ask(r#"{"read":{"bucket":"b","key":"k5"}}"#).is_err());
}

#[test]
fn pages_of_keys() {
    let write = |kv: &Kv| {
        for i in 0..20 {
            kv.ask(&format!(r#"{{"write":{{"bucket":"b","key":"k{i:02}","value":[]}}}}"#)).unwrap();
        }
    };
    let kv = Kv::new(0);
    write(&kv);
    let from = kv.ask(r#"{"list_keys":{"bucket":"b","cursor":"k05"}}"#).unwrap();
    assert!(from.starts_with(r#"{"list_keys":{"keys":["k05","k06""#) && from.ends_with(r#""cursor":null}}"#));
    assert_eq!(from.matches("\"k").count() - 1, 15);
    let kv = Kv::new(3);
    write(&kv);
    kv.expect(
        r#"{"list_keys":{"bucket":"b","cursor":null}}"#,
        r#"{"list_keys":{"keys":["k00","k01","k02"],"cursor":"k03"}}"#,
    );
}

/// The component keeps or asks for more and more of one stored value of 512 KiB.
#[test]
fn the_host_keeps_no_more_for_a_run_than_its_memory_limit() {
    let bed = Bed::new(Options { max_host_call_bytes: 8 << 20, max_memory: 32 << 20, ..Options::default() });
    let hostile = bed.operator("hostile");
    let says = |command: &str, words: &str| {
        let failure = bed.text(text_request(hostile, command)).unwrap_err();
        assert_eq!(failure.status, Status::ExecResult, "{failure}");
        assert!(failure.message.contains(words), "{failure}");
    };
    says("kv-copies:1000", "more than 8388608 bytes together");
    says("kv-cas", "more than the memory limit of the run");
    says("leak-buckets:1000000", "more than the memory limit of the run");
    assert_eq!(bed.text(text_request(hostile, "kv-copies:10")).unwrap(), "got them");
}
