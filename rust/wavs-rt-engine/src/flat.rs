// SPDX-License-Identifier: Apache-2.0
//! The flat encoding of WIT values (rust/FLAT.md): the frame and the basic types.

use crate::failure::{Failure, Status};

/// Why bytes are not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlatError {
    /// The value goes on after the last byte.
    Short,
    /// Bytes after the value.
    Long,
    /// A tag without meaning.
    Tag(u8),
    /// Text that is not UTF-8.
    Text,
}

impl From<FlatError> for Failure {
    fn from(error: FlatError) -> Self {
        let text = match error {
            FlatError::Short => "flat bytes end too early".to_owned(),
            FlatError::Long => "flat bytes go on after the value".to_owned(),
            FlatError::Tag(tag) => format!("flat bytes have unknown tag {tag}"),
            FlatError::Text => "flat text is not UTF-8".to_owned(),
        };
        Failure::new(Status::InvalidInput, text)
    }
}

/// Reads from the front of a byte string.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], FlatError> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(FlatError::Short)?;
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FlatError> {
        let (head, tail) = self.rest.split_first_chunk().ok_or(FlatError::Short)?;
        self.rest = tail;
        Ok(*head)
    }

    pub(crate) fn tag(&mut self) -> Result<u8, FlatError> {
        u8::get(self)
    }

    fn length(&mut self) -> Result<usize, FlatError> {
        let len = u32::get(self)? as usize;
        // Each element takes at least a byte, so a longer list cannot follow.
        if len > self.rest.len() {
            return Err(FlatError::Short);
        }
        Ok(len)
    }

    /// What was not read.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub fn finish(self) -> Result<(), FlatError> {
        if self.rest.is_empty() { Ok(()) } else { Err(FlatError::Long) }
    }
}

/// A WIT value with a flat form.
pub trait Flat: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError>;

    fn put_list(items: &[Self], out: &mut Vec<u8>) {
        put_length(items.len(), out);
        items.iter().for_each(|item| item.put(out));
    }

    fn get_list(from: &mut Reader<'_>) -> Result<Vec<Self>, FlatError> {
        let len = from.length()?;
        (0..len).map(|_| Self::get(from)).collect()
    }
}

/// Lists never reach 4 GiB: a guest's memory does not, and requests are far smaller.
fn put_length(len: usize, out: &mut Vec<u8>) {
    u32::try_from(len).unwrap_or(u32::MAX).put(out);
}

/// One whole value as bytes.
pub fn encode<T: Flat>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.put(&mut out);
    out
}

/// One whole value out of bytes.
pub fn decode<T: Flat>(bytes: &[u8]) -> Result<T, FlatError> {
    let mut from = Reader::new(bytes);
    let value = T::get(&mut from)?;
    from.finish()?;
    Ok(value)
}

macro_rules! number {
    ($($t:ty),*) => {$(
        impl Flat for $t {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
                from.array().map(Self::from_le_bytes)
            }
        }
    )*};
}
number!(u32, u64, i64);

impl Flat for f32 {
    fn put(&self, out: &mut Vec<u8>) {
        self.to_bits().put(out);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        u32::get(from).map(f32::from_bits)
    }
}

impl Flat for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        from.array::<1>().map(|[byte]| byte)
    }
    // One copy instead of a loop: this is the payload path.
    fn put_list(items: &[Self], out: &mut Vec<u8>) {
        put_length(items.len(), out);
        out.extend_from_slice(items);
    }
    fn get_list(from: &mut Reader<'_>) -> Result<Vec<Self>, FlatError> {
        let len = from.length()?;
        from.take(len).map(<[u8]>::to_vec)
    }
}

impl Flat for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        match from.tag()? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(FlatError::Tag(tag)),
        }
    }
}

impl Flat for String {
    fn put(&self, out: &mut Vec<u8>) {
        u8::put_list(self.as_bytes(), out);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        String::from_utf8(u8::get_list(from)?).map_err(|_| FlatError::Text)
    }
}

impl<T: Flat> Flat for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put_list(self, out);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        T::get_list(from)
    }
}

impl<T: Flat> Flat for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.put(out);
            }
        }
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        bool::get(from)?.then(|| T::get(from)).transpose()
    }
}

impl<T: Flat, E: Flat> Flat for Result<T, E> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Ok(value) => {
                out.push(0);
                value.put(out);
            }
            Err(error) => {
                out.push(1);
                error.put(out);
            }
        }
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        Ok(if bool::get(from)? { Err(E::get(from)?) } else { Ok(T::get(from)?) })
    }
}

impl<A: Flat, B: Flat> Flat for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
        Ok((A::get(from)?, B::get(from)?))
    }
}
