// SPDX-License-Identifier: Apache-2.0
//! Requests of a run through a tape. Told is the flat head of the response, or the error, and behind
//! it the bytes of the body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use sha2::{Digest, Sha256};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::disk::hex;
use crate::flat::{self, Flat, Reader};
use crate::http::Answer;
use crate::tape::{Tape, shown};

/// Status and headers, or error code and text.
type Head = Result<(u32, Vec<(String, Vec<u8>)>), (u32, String)>;

/// A request's place on the tape.
pub enum Taken {
    Record(Place),
    Replay(Told),
}

pub struct Place {
    tape: Arc<Tape>,
    number: usize,
}

/// What the tape says; None when the run has left the recorded way.
pub struct Told(Option<Vec<u8>>);

fn headers_of(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

impl Taken {
    pub fn new(tape: &Arc<Tape>, request: &Request<WasiBody>) -> Self {
        let headers = headers_of(request.headers());
        let headers = headers.iter().map(|(name, value)| format!(" {name}={}", shown(value)));
        let headers: String = headers.collect();
        let what = format!("http {} {}{headers}", request.method(), request.uri());
        if tape.replays() {
            return Self::Replay(Told(tape.next(&what).map(|(_, told)| told)));
        }
        Self::Record(Place { tape: Arc::clone(tape), number: tape.open(what) })
    }
}

impl Place {
    /// The request, whose body is noted as it goes out.
    pub fn watch(&self, request: Request<WasiBody>) -> Request<WasiBody> {
        let (tape, number) = (Arc::clone(&self.tape), self.number);
        let (mut sum, mut size) = (Sha256::new(), 0);
        let watched = move |bytes: Option<&Bytes>| match bytes {
            Some(bytes) => {
                sum.update(bytes);
                size += bytes.len();
            }
            None if size > 0 => {
                let sum = hex(&sum.finalize_reset());
                tape.detail(number, format!(" with {size} bytes of SHA-256 {sum}"));
            }
            None => {}
        };
        request.map(|body| Watched { body, watched, ended: false }.boxed_unsync())
    }

    /// The answer, whose body is noted as it comes in.
    pub fn note(&self, answer: Answer) -> Answer {
        let (response, io) = match answer {
            Ok(answered) => answered,
            Err(error) => {
                self.tape.tell(self.number, &flat::encode(&Head::Err(code_of(&error))));
                return Err(error);
            }
        };
        let head = (u32::from(response.status().as_u16()), headers_of(response.headers()));
        self.tape.tell(self.number, &flat::encode(&Head::Ok(head)));
        let (tape, number) = (Arc::clone(&self.tape), self.number);
        let watched = move |bytes: Option<&Bytes>| {
            if let Some(bytes) = bytes {
                tape.tell(number, bytes);
            }
        };
        Ok((response.map(|body| Watched { body, watched, ended: false }.boxed_unsync()), io))
    }
}

impl Told {
    pub fn answer(self, request: Request<WasiBody>) -> Answer {
        // Somebody has to take what the guest writes.
        drop(tokio::spawn(request.into_body().collect()));
        let lost = || Error::InternalError(Some("the replay left the recorded way".into()));
        let told = self.0.ok_or_else(lost)?;
        let mut from = Reader::new(&told);
        let (status, headers) =
            Head::get(&mut from).map_err(|_| lost())?.map_err(|(code, text)| error_of(code, text))?;
        let body = Full::new(Bytes::copy_from_slice(from.rest()));
        let mut response = Response::builder().status(u16::try_from(status).unwrap_or(500));
        for (name, value) in headers {
            response = response.header(name, value);
        }
        let response = response.body(body.map_err(|never| match never {}).boxed_unsync());
        Ok((response.map_err(|_| lost())?, Box::new(async { Ok(()) })))
    }
}

/// Errors a request ends with, as the guest sees them, by number.
fn code_of(error: &Error) -> (u32, String) {
    let code = match error {
        Error::HttpRequestDenied => 0,
        Error::HttpRequestUriInvalid => 1,
        Error::DnsError { .. } => 2,
        Error::DestinationNotFound => 3,
        Error::Connect(_) | Error::ConnectionRefused => 4,
        Error::ConnectionTimeout => 5,
        Error::ConnectionReadTimeout => 6,
        Error::Tls(_) | Error::TlsProtocolError => 7,
        Error::Hyper(error) if error.is_parse_too_large() => 8,
        Error::Hyper(error) if error.is_incomplete_message() => 9,
        Error::Hyper(_) | Error::HttpProtocolError => 10,
        _ => 11,
    };
    (code, error.to_string())
}

fn error_of(code: u32, text: String) -> Error {
    match code {
        0 => Error::HttpRequestDenied,
        1 => Error::HttpRequestUriInvalid,
        2 => Error::DnsError { rcode: Some(text), info_code: None },
        3 => Error::DestinationNotFound,
        4 => Error::ConnectionRefused,
        5 => Error::ConnectionTimeout,
        6 => Error::ConnectionReadTimeout,
        7 => Error::TlsProtocolError,
        8 => Error::HttpResponseHeaderSectionSize(None),
        9 => Error::HttpResponseIncomplete,
        10 => Error::HttpProtocolError,
        _ => Error::InternalError(Some(text)),
    }
}

/// A body that tells what passes, and its end.
struct Watched<F> {
    body: WasiBody,
    watched: F,
    ended: bool,
}

impl<F: FnMut(Option<&Bytes>) + Send + Unpin> Body for Watched<F> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(frame) = &polled {
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
            if let Some(bytes) = bytes {
                (self.watched)(Some(bytes));
            }
            if (frame.is_none() || self.body.is_end_stream()) && !self.ended {
                self.ended = true;
                (self.watched)(None);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
