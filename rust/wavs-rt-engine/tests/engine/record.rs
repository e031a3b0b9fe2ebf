// SPDX-License-Identifier: Apache-2.0
//! Recorded runs, their replay, and what tells two runs apart.

use std::sync::mpsc;

use wavs_rt_engine::{Options, Record, RunOutcome, RunRequest, Status, World, difference};

use crate::support::{Bed, TempDir, sleeping, text_request};

const LIMIT: usize = 1 << 20;

fn recorded(bed: &Bed, request: RunRequest) -> RunOutcome {
    bed.run(RunRequest { record: LIMIT, ..request })
}

fn replayed(bed: &Bed, record: &[u8]) -> RunOutcome {
    let (done, outcome) = mpsc::channel();
    bed.engine.replay(record, None, move |ended| done.send(ended).unwrap());
    outcome.recv().unwrap()
}

fn decoded(outcome: &RunOutcome) -> Record {
    Record::decode(&outcome.record).unwrap()
}

#[test]
fn no_record_unless_asked() {
    let bed = Bed::new(Options::default());
    let echo = bed.load("echo", World::Operator);
    assert!(bed.run(text_request(echo, "x")).record.is_empty());
}

#[test]
fn a_replay_gives_the_same_bytes_without_the_store() {
    let bed = Bed::new(Options::default());
    let kv = bed.load("kv", World::Operator);
    let count = r#"{"atomic_increment":{"bucket":"b","key":"n","delta":3}}"#;
    let first = recorded(&bed, text_request(kv, count));
    let second = recorded(&bed, text_request(kv, count));
    assert_ne!(first.result, second.result);
    for outcome in [&first, &second, &first] {
        assert_eq!(replayed(&bed, &outcome.record).result, outcome.result);
    }
    assert!(decoded(&first).calls.iter().any(|call| call.what.contains("keyvalue.increment")));
    let third = recorded(&bed, text_request(kv, count));
    assert_eq!(decoded(&third).calls.len(), decoded(&first).calls.len());
    assert_ne!(third.result, second.result, "a replay stores nothing");
}

#[test]
fn clocks_and_random_numbers_come_from_the_record() {
    let bed = Bed::new(Options::default());
    let probe = bed.load("probe", World::Operator);
    for noise in ["wall", "monotonic", "random", "insecure", "seed"] {
        let run =
            |seed| recorded(&bed, RunRequest { seed, ..text_request(probe, &format!("noise:{noise}")) });
        let outcome = run(0);
        assert_eq!(replayed(&bed, &outcome.record).result, outcome.result, "{noise}");
        // Runs of different seeds see different things, and the difference says which.
        let (one, two) = (run(1), run(2));
        assert_ne!(one.result, two.result, "{noise}");
        let text = difference(&decoded(&one), &decoded(&two)).unwrap();
        assert!(text.contains("host call") || text.contains("results"), "{text}");
        let source = match noise {
            "wall" => "wall-clock.now",
            "monotonic" => "monotonic-clock.now",
            "random" => "random 8 bytes",
            "insecure" => "insecure-random 8 bytes",
            _ => "insecure-seed",
        };
        assert!(text.contains(source), "{noise}: {text}");
    }
}

#[test]
fn equal_runs_do_not_differ() {
    let bed = Bed::new(Options::default());
    let echo = bed.load("echo", World::Operator);
    let run = |seed| decoded(&recorded(&bed, RunRequest { seed, ..text_request(echo, "x") }));
    assert_eq!(difference(&run(1), &run(2)), None);
}

#[test]
fn sleeping_and_failing_runs_replay_too() {
    let bed = Bed::new(Options::default());
    let (echo, probe) = (bed.load("echo", World::Operator), bed.load("probe", World::Operator));
    let slept = recorded(&bed, sleeping(echo, "async", 20));
    assert_eq!(replayed(&bed, &slept.record).result, slept.result);
    let crashed = recorded(&bed, text_request(probe, "crash"));
    let again = replayed(&bed, &crashed.record).result.unwrap_err();
    assert_eq!(again.status, Status::ComponentError);
}

#[test]
fn files_are_part_of_the_record() {
    let bed = Bed::new(Options::default());
    let probe = bed.load("probe", World::Operator);
    let (own, copy) = (TempDir::new(), TempDir::new());
    let run =
        || recorded(&bed, RunRequest { data_dir: Some(own.0.clone()), ..text_request(probe, "file:f") });
    run();
    let second = run();
    let (done, outcome) = mpsc::channel();
    bed.engine.replay(&second.record, Some(copy.0.clone()), move |ended| done.send(ended).unwrap());
    assert_eq!(outcome.recv().unwrap().result, second.result);
    let none = replayed(&bed, &second.record).result.unwrap_err();
    assert!(none.message.contains("a directory is needed"), "{none}");
}

#[test]
fn what_cannot_be_replayed_says_why() {
    let bed = Bed::new(Options::default());
    let (echo, kv) = (bed.load("echo", World::Operator), bed.load("kv", World::Operator));
    let small = bed.run(RunRequest { record: 10, ..text_request(kv, r#"{"list_keys":{"bucket":"b"}}"#) });
    let failure = replayed(&bed, &small.record).result.unwrap_err();
    assert!(failure.message.contains("longer than 10 bytes"), "{failure}");
    assert!(replayed(&bed, b"junk").result.unwrap_err().message.contains("not a recorded run"));
    let mut other = recorded(&bed, text_request(echo, "x")).record;
    other[7] = 9;
    assert!(replayed(&bed, &other).result.unwrap_err().message.contains("another record format"));
    let whole = recorded(&bed, text_request(echo, "x")).record;
    assert_eq!(replayed(&bed, &whole[..whole.len() - 1]).result.unwrap_err().status, Status::InvalidInput);
}

#[test]
fn a_run_that_goes_another_way_says_where() {
    let bed = Bed::new(Options::default());
    let kv = bed.load("kv", World::Operator);
    let outcome = recorded(&bed, text_request(kv, r#"{"read":{"bucket":"b","key":"k"}}"#));
    let mut record = decoded(&outcome);
    for call in &mut record.calls {
        call.what = call.what.replace("\"k\"", "\"l\"");
    }
    let failure = replayed(&bed, &record.encode()).result.unwrap_err();
    assert_eq!(failure.status, Status::InvalidInput);
    assert!(
        failure.message.contains("was `keyvalue.get \"b\" \"l\"`, now it is `keyvalue.get \"b\" \"k\"`"),
        "{failure}"
    );
    let mut longer = decoded(&outcome);
    longer.calls.push(wavs_rt_engine::Call { what: "more".into(), ..Default::default() });
    let failure = replayed(&bed, &longer.encode()).result.unwrap_err();
    assert!(failure.message.contains("1 calls are left, the first is `more`"), "{failure}");
}
