// SPDX-License-Identifier: Apache-2.0
//! A recorded run as bytes: what it was given, every call and answer, and how it ended.

use std::fs;
use std::io;
use std::path::{Component, Path};

use crate::failure::{Failure, Status};
use crate::flat::{Flat, FlatError, Reader};
use crate::run::RunRequest;
use crate::state::ServiceSnapshot;
use crate::tape::Call;
use crate::worlds::Export;

/// First bytes of a record; the last one counts up with the format.
const MAGIC: &[u8; 8] = b"WAVSRUN\x01";

/// How a run ended: its output, or status and text.
pub type Ended = Result<Vec<u8>, (u32, String)>;

/// Files by their path.
pub type Files = Vec<(String, Vec<u8>)>;

/// A whole record.
pub struct Record {
    pub request: RunRequest,
    /// Of `wasi:random/insecure-seed`, low and high half.
    pub insecure_seed: (u64, u64),
    /// The files the run could see when it began: path, content.
    pub files: Files,
    pub calls: Vec<Call>,
    /// What is missing for a replay.
    pub incomplete: Option<String>,
    pub ended: Ended,
}

impl Flat for Call {
    fn put(&self, out: &mut Vec<u8>) {
        self.what.put(out);
        self.detail.put(out);
        self.told.put(out);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        Ok(Self { what: Flat::get(from)?, detail: Flat::get(from)?, told: Flat::get(from)? })
    }
}

fn put_request(request: &RunRequest, out: &mut Vec<u8>) {
    (request.export as u8).put(out);
    request.digest.to_vec().put(out);
    request.service.as_ref().map(|service| service.bytes().to_vec()).put(out);
    request.service_id.to_vec().put(out);
    request.workflow_id.put(out);
    request.event_id.to_vec().put(out);
    request.trace_id.to_vec().put(out);
    request.input.put(out);
    request.fuel.put(out);
    request.time_ms.put(out);
    request.max_memory.put(out);
    request.env.put(out);
    request.config.put(out);
    request.data_dir.is_some().put(out);
    request.raw_sockets.put(out);
    request.dns.put(out);
}

fn array<const N: usize>(from: &mut Reader<'_>) -> Result<[u8; N], FlatError> {
    Vec::<u8>::get(from)?.try_into().map_err(|_| FlatError::Short)
}

fn get_request(from: &mut Reader<'_>) -> Result<RunRequest, FlatError> {
    let tag = from.tag()?;
    let export = Export::ALL.into_iter().find(|export| *export as u8 == tag).ok_or(FlatError::Tag(tag))?;
    let digest = array(from)?;
    let service = Option::<Vec<u8>>::get(from)?;
    let service =
        service.map(|flat| ServiceSnapshot::new(&flat)).transpose().map_err(|_| FlatError::Short)?;
    Ok(RunRequest {
        export,
        digest,
        service,
        service_id: array(from)?,
        workflow_id: Flat::get(from)?,
        event_id: array(from)?,
        trace_id: array(from)?,
        input: Flat::get(from)?,
        fuel: Flat::get(from)?,
        time_ms: Flat::get(from)?,
        max_memory: Flat::get(from)?,
        env: Flat::get(from)?,
        config: Flat::get(from)?,
        // Stands for "there were files" until the caller gives a directory.
        data_dir: bool::get(from)?.then(Default::default),
        raw_sockets: Flat::get(from)?,
        dns: Flat::get(from)?,
        record: 0,
        seed: 0,
    })
}

impl Record {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_request(&self.request, &mut out);
        self.insecure_seed.put(&mut out);
        self.files.put(&mut out);
        self.calls.put(&mut out);
        self.incomplete.put(&mut out);
        self.ended.put(&mut out);
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let wrong = |text: &str| Failure::new(Status::InvalidInput, text);
        let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(wrong("this is not a recorded run"));
        };
        if magic != MAGIC {
            let same = magic[..7] == MAGIC[..7];
            return Err(wrong(match same {
                true => "the run was recorded by a node with another record format",
                false => "this is not a recorded run",
            }));
        }
        let mut from = Reader::new(rest);
        let record = Self {
            request: get_request(&mut from)?,
            insecure_seed: Flat::get(&mut from)?,
            files: Flat::get(&mut from)?,
            calls: Flat::get(&mut from)?,
            incomplete: Flat::get(&mut from)?,
            ended: Flat::get(&mut from)?,
        };
        from.finish()?;
        Ok(record)
    }
}

/// The files below a directory, or None when they are more than `limit` bytes. Links are left out.
pub fn read_files(dir: &Path, limit: usize) -> io::Result<Option<Files>> {
    let mut out = Vec::new();
    let mut left = limit;
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
                let size = usize::try_from(entry.metadata()?.len()).unwrap_or(usize::MAX);
                let Some(rest) = left.checked_sub(size.saturating_add(name.len())) else { return Ok(None) };
                left = rest;
                out.push((name, fs::read(&path)?));
            }
        }
    }
    out.sort();
    Ok(Some(out))
}

/// Puts recorded files below `dir`; a record cannot make it write elsewhere.
pub fn write_files(dir: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    for (name, content) in files {
        let path = Path::new(name);
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(io::Error::other(format!("the record names the file {name:?}")));
        }
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(path, content)?;
    }
    Ok(())
}

/// The first call in which two records of one component differ, in words; None when calls and end are
/// the same.
pub fn difference(a: &Record, b: &Record) -> Option<String> {
    let calls = a.calls.iter().zip(&b.calls);
    let same = calls.take_while(|(one, two)| one.text() == two.text()).count();
    let text = match (a.calls.get(same), b.calls.get(same)) {
        (Some(one), Some(two)) => {
            format!("host call {} differs: `{}` and `{}`", same + 1, one.text(), two.text())
        }
        (Some(call), None) | (None, Some(call)) => {
            format!("host call {} is made by one run only: `{}`", same + 1, call.text())
        }
        (None, None) if a.ended != b.ended => {
            format!("the results differ after {same} equal host calls")
        }
        (None, None) => return None,
    };
    Some(format!("{text}; {}", told_apart(a, b, same)))
}

/// Which answers before call `end` differed: where the difference can come from.
fn told_apart(a: &Record, b: &Record, end: usize) -> String {
    const SHOWN: usize = 4;
    let mut sources = Vec::new();
    if a.insecure_seed != b.insecure_seed {
        sources.push("insecure-seed".to_owned());
    }
    for (number, (one, two)) in a.calls.iter().zip(&b.calls).take(end).enumerate() {
        let source = format!("{} (call {})", one.what, number + 1);
        let name = |text: &str| text.split(" (call").next().map(str::to_owned);
        if one.told != two.told && !sources.iter().any(|seen| name(seen) == name(&source)) {
            sources.push(source);
        }
    }
    sources.truncate(SHOWN);
    match sources.is_empty() {
        true => "nothing the runs were told before differs".into(),
        false => format!("before it the runs were told different things by: {}", sources.join(", ")),
    }
}
