// SPDX-License-Identifier: Apache-2.0
//! Compiled code on disk. Loading such a file runs what is in it, so it is used only when its
//! checksum fits, in a directory only the node's user can enter.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// Lowercase hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// What a look into the cache found.
pub enum Found {
    /// A file whose checksum fits.
    Code(PathBuf),
    /// Files that do not belong together.
    Damaged,
    Nothing,
}

/// The files of one engine configuration.
pub struct DiskCache {
    dir: PathBuf,
    counter: AtomicU64,
}

impl DiskCache {
    /// `<root>/<engine-hash>`: another Wasmtime, CPU or setting gets another directory.
    pub fn open(root: &Path, engine: &wasmtime::Engine) -> io::Result<Self> {
        let mut hasher = ShaHasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let dir = root.join(hex(&hasher.0.finalize()[..16]));
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self { dir, counter: AtomicU64::new(0) })
    }

    fn code_path(&self, digest: &[u8; 32]) -> PathBuf {
        self.dir.join(format!("{}.cwasm", hex(digest)))
    }

    fn sum_path(&self, digest: &[u8; 32]) -> PathBuf {
        self.dir.join(format!("{}.cwasm.sha256", hex(digest)))
    }

    pub fn find(&self, digest: &[u8; 32]) -> Found {
        let code = self.code_path(digest);
        let (sum, wanted) = (file_sum(&code), fs::read_to_string(self.sum_path(digest)));
        match (sum, wanted) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Found::Nothing,
            (Ok(sum), Ok(wanted)) if sum == wanted => Found::Code(code),
            _ => Found::Damaged,
        }
    }

    /// Stores code and checksum; after a crash in between they do not fit and are ignored.
    pub fn store(&self, digest: &[u8; 32], code: &[u8]) -> io::Result<PathBuf> {
        let path = self.code_path(digest);
        self.write(&path, code)?;
        self.write(&self.sum_path(digest), hex(&Sha256::digest(code)).as_bytes())?;
        Ok(path)
    }

    pub fn remove(&self, digest: &[u8; 32]) {
        // What is not there needs no removal; anything else shows at the next look.
        let _ = fs::remove_file(self.sum_path(digest));
        let _ = fs::remove_file(self.code_path(digest));
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let temp = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
        let written = write_new(&temp, bytes).and_then(|()| fs::rename(&temp, path));
        if written.is_err() {
            let _ = fs::remove_file(&temp);
        }
        written?;
        File::open(&self.dir)?.sync_all()
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn file_sum(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sum = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&sum.finalize())),
            len => sum.update(&chunk[..len]),
        }
    }
}

/// Takes the bytes a `Hash` feeds and nothing else, so that the result is the same in every process.
struct ShaHasher(Sha256);

impl Hasher for ShaHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    fn finish(&self) -> u64 {
        0
    }
}
