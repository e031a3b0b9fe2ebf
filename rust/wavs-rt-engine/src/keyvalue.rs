// SPDX-License-Identifier: Apache-2.0
//! wasi:keyvalue 0.2.0-draft2 over the node's key-value callbacks.

use wasmtime::Result;
use wasmtime::component::Resource;

use crate::bindings::operator::wasi::keyvalue::{atomics, batch, store};
use crate::host::CasAnswer;
use crate::state::RunState;
use store::{Error, KeyResponse};

/// An open bucket is no more than its name.
pub struct Bucket {
    name: String,
}

impl Bucket {
    fn bytes(&self) -> usize {
        self.name.len()
    }
}

/// A key and the value it had when the handle was made.
pub struct Cas {
    bucket: String,
    key: String,
    seen: Option<Vec<u8>>,
}

impl Cas {
    fn bytes(&self) -> usize {
        self.bucket.len() + self.key.len() + self.seen.as_ref().map_or(0, Vec::len)
    }
}

type Answer<T> = Result<Result<T, Error>>;

/// Handles beyond the table's capacity are the guest's problem, not a trap.
fn no_handle(error: &wasmtime::component::ResourceTableError) -> Error {
    Error::Other(error.to_string())
}

fn too_much(limit: usize) -> Error {
    Error::Other(format!("the values are more than {limit} bytes together; ask for fewer keys at once"))
}

impl RunState {
    /// The bucket's name, or the error the guest gets for a bad handle.
    fn bucket(&self, handle: &Resource<Bucket>) -> std::result::Result<&str, Error> {
        match self.table.get(handle) {
            Ok(bucket) => Ok(&bucket.name),
            Err(error) => Err(no_handle(&error)),
        }
    }

    /// What handles keep counts towards the memory of the run, or a guest could fill the host's.
    fn hold(&mut self, bytes: usize) -> std::result::Result<(), Error> {
        let text = "the open handles keep more than the memory limit of the run";
        if self.limits.hold(bytes) { Ok(()) } else { Err(Error::Other(text.into())) }
    }

    fn new_bucket(&mut self, name: String) -> std::result::Result<Resource<Bucket>, Error> {
        let bucket = Bucket { name };
        self.hold(bucket.bytes())?;
        self.table.push(bucket).map_err(|error| no_handle(&error))
    }

    fn new_cas(&mut self, bucket: String, key: String) -> std::result::Result<Resource<Cas>, Error> {
        let seen = self.port.kv_get(&bucket, &key)?;
        let cas = Cas { bucket, key, seen };
        self.hold(cas.bytes())?;
        self.table.push(cas).map_err(|error| no_handle(&error))
    }
}

impl store::Host for RunState {
    fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        Ok(self.new_bucket(identifier))
    }
}

impl store::HostBucket for RunState {
    fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(self.bucket(&bucket).and_then(|bucket| self.port.kv_get(bucket, &key)))
    }

    fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(self.bucket(&bucket).and_then(|bucket| self.port.kv_set(bucket, &key, &value)))
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        Ok(self.bucket(&bucket).and_then(|bucket| self.port.kv_delete(bucket, &key)))
    }

    fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        Ok(self.bucket(&bucket).and_then(|bucket| self.port.kv_exists(bucket, &key)))
    }

    fn list_keys(&mut self, bucket: Resource<Bucket>, cursor: Option<String>) -> Answer<KeyResponse> {
        let name = self.bucket(&bucket);
        Ok(name.and_then(|bucket| self.port.kv_list(bucket, cursor.as_deref())))
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> Result<()> {
        let bucket = self.table.delete(bucket)?;
        self.limits.give_back(bucket.bytes());
        Ok(())
    }
}

impl atomics::Host for RunState {
    fn increment(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> Answer<i64> {
        let name = self.bucket(&bucket);
        Ok(name.and_then(|bucket| self.port.kv_increment(bucket, &key, delta)))
    }

    fn swap(
        &mut self,
        cas: Resource<Cas>,
        value: Vec<u8>,
    ) -> Result<std::result::Result<(), atomics::CasError>> {
        // The handle is consumed whatever happens.
        let cas = self.table.delete(cas)?;
        self.limits.give_back(cas.bytes());
        let Cas { bucket, key, seen } = cas;
        Ok(match self.port.kv_cas(&bucket, &key, seen.as_deref(), &value) {
            Ok(CasAnswer::Stored) => Ok(()),
            Ok(CasAnswer::Changed) => Err(match self.new_cas(bucket, key) {
                Ok(fresh) => atomics::CasError::CasFailed(fresh),
                Err(error) => atomics::CasError::StoreError(error),
            }),
            Err(error) => Err(atomics::CasError::StoreError(error)),
        })
    }
}

impl atomics::HostCas for RunState {
    fn new(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Resource<Cas>> {
        let name = self.bucket(&bucket).map(str::to_owned);
        Ok(name.and_then(|name| self.new_cas(name, key)))
    }

    /// What is stored now; the value to beat stays that of `new`.
    fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        let cas = self.table.get(&cas)?;
        Ok(self.port.kv_get(&cas.bucket, &cas.key))
    }

    fn drop(&mut self, cas: Resource<Cas>) -> Result<()> {
        let cas = self.table.delete(cas)?;
        self.limits.give_back(cas.bytes());
        Ok(())
    }
}

impl batch::Host for RunState {
    fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let mut left = self.host_call_bytes;
        Ok(self.bucket(&bucket).and_then(|bucket| {
            let one = |key: String| {
                let value = self.port.kv_get(bucket, &key)?;
                // One stored value, asked for a thousand times in one call, is a thousand copies.
                let bytes = value.as_ref().map_or(0, Vec::len);
                left = left.checked_sub(bytes).ok_or_else(|| too_much(self.host_call_bytes))?;
                Ok(value.map(|value| (key, value)))
            };
            keys.into_iter().map(one).collect()
        }))
    }

    fn set_many(&mut self, bucket: Resource<Bucket>, key_values: Vec<(String, Vec<u8>)>) -> Answer<()> {
        Ok(self.bucket(&bucket).and_then(|bucket| {
            key_values.iter().try_for_each(|(key, value)| self.port.kv_set(bucket, key, value))
        }))
    }

    fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        Ok(self
            .bucket(&bucket)
            .and_then(|bucket| keys.iter().try_for_each(|key| self.port.kv_delete(bucket, key))))
    }
}
