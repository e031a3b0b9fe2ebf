// SPDX-License-Identifier: Apache-2.0
//! How much the files of a service may be. Looked at before a run and while it goes on, since writes
//! go to the file system directly: a run can exceed the bound by what it writes between two looks, and
//! then it is over.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::failure::{Failure, Status};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(200);
/// What an entry counts at least, so that empty files and folders are bounded too.
const ENTRY: u64 = 4096;

/// The bound of one run's directory.
pub struct Quota {
    pub dir: PathBuf,
    pub bytes: u64,
}

impl Quota {
    /// None for runs without files, and when there is no bound.
    pub fn of(bytes: u64, dir: Option<&PathBuf>) -> Option<Self> {
        let dir = dir.filter(|_| bytes > 0)?;
        Some(Self { dir: dir.clone(), bytes })
    }

    pub async fn exceeded(&self) -> bool {
        let (dir, bytes) = (self.dir.clone(), self.bytes);
        spawn_blocking(move || exceeds(&dir, bytes)).await.unwrap_or(false)
    }

    /// Returns when the files have become too many.
    pub async fn watch(&self) {
        loop {
            sleep(PERIOD).await;
            if self.exceeded().await {
                return;
            }
        }
    }

    pub fn failure(&self) -> Failure {
        let text = "its operator can raise engine.fs_quota_bytes, or remove files";
        Failure::new(
            Status::ComponentError,
            format!("the files of the service are more than {} bytes; {text}", self.bytes),
        )
    }
}

/// Links are not followed; what cannot be read any more counts nothing.
fn exceeds(dir: &Path, bytes: u64) -> bool {
    let mut left = bytes;
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            match left.checked_sub(found.len().max(ENTRY)) {
                Some(rest) => left = rest,
                None => return true,
            }
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    false
}
