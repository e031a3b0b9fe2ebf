// SPDX-License-Identifier: Apache-2.0
//! wasi:http for guests: the manifest's hosts, then the egress rules, then a connection to the very
//! address that was checked. Redirects are not followed, so each hop passes here again.

use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Interval, timeout};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::egress::{Egress, Rules, normal_name};
use crate::host::HostPort;
use crate::hosts::AllowedHosts;
use crate::state::ServiceSnapshot;
use crate::tape::Tape;
use crate::tape_http::Taken;

/// Of each phase, when the guest says nothing.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Header of a response, and what is read ahead of its body.
const MAX_HEADER: usize = 128 * 1024;
/// Connections of one run at a time.
const MAX_CONNECTIONS: usize = 256;

pub type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
pub type Answer = Result<(Response<WasiBody>, Io), Error>;

/// The requests of one run.
pub struct Http {
    egress: Arc<Egress>,
    port: Arc<HostPort>,
    service: Option<ServiceSnapshot>,
    tape: Option<Arc<Tape>>,
    /// One more reference per connection; made with the first one.
    connections: OnceLock<Arc<()>>,
    /// Read from the manifest at the first request.
    allowed: OnceLock<Arc<AllowedHosts>>,
}

impl Http {
    pub fn new(
        egress: Arc<Egress>,
        port: Arc<HostPort>,
        service: Option<ServiceSnapshot>,
        tape: Option<Arc<Tape>>,
    ) -> Self {
        Self { egress, port, service, tape, connections: OnceLock::new(), allowed: OnceLock::new() }
    }

    fn allowed(&self) -> Arc<AllowedHosts> {
        let read = || Arc::new(AllowedHosts::of_run(self.service.as_ref(), self.port.origin()));
        Arc::clone(self.allowed.get_or_init(read))
    }
}

impl WasiHttpHooks for Http {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let (allowed, rules, port) = (self.allowed(), self.egress.rules(), Arc::clone(&self.port));
        // The place on the tape is that of the call, whenever the answer comes.
        let taken = self.tape.as_ref().map(|tape| Taken::new(tape, &request));
        let connection = Arc::clone(self.connections.get_or_init(Arc::default));
        let send = move |request| async move {
            if Arc::strong_count(&connection) > MAX_CONNECTIONS {
                return Err(Error::ConnectionLimitReached);
            }
            let (response, io) = send(&allowed, &rules, &port, request, options).await?;
            let io = async move {
                let ended = Pin::from(io).await;
                drop(connection);
                ended
            };
            Ok((response, Box::new(io) as Io))
        };
        Box::new(async move {
            match taken {
                None => send(request).await,
                Some(Taken::Replay(told)) => told.answer(request),
                Some(Taken::Record(place)) => {
                    let request = place.watch(request);
                    place.note(send(request).await)
                }
            }
        })
    }

    fn p2_error_from_hyper(
        &mut self,
        error: &hyper::Error,
    ) -> wasmtime_wasi_http::p2::bindings::http::types::ErrorCode {
        use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
        if error.is_parse_too_large() {
            return ErrorCode::HttpResponseHeaderSectionSize(None);
        }
        if error.is_incomplete_message() {
            return ErrorCode::HttpResponseIncomplete;
        }
        ErrorCode::HttpProtocolError
    }
}

async fn send(
    allowed: &AllowedHosts,
    rules: &Rules,
    port: &HostPort,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Answer {
    let target = Target::of(request.uri())?;
    if !allowed.permit(&target.host, target.port) {
        return Err(denied(port, &target, "the manifest's allowed_http_hosts do not name it"));
    }
    let options = options.unwrap_or(RequestOptions {
        connect_timeout: None,
        first_byte_timeout: None,
        between_bytes_timeout: None,
    });
    let limit = options.connect_timeout.unwrap_or(TIMEOUT);
    let sender = timeout(limit, connect(rules, port, &target)).await;
    let (sender, connection) = sender.map_err(|_| Error::ConnectionTimeout)??;
    exchange(sender, connection, request, options).await
}

/// Where a request goes.
struct Target {
    tls: bool,
    host: String,
    port: u16,
}

impl Target {
    fn of(uri: &Uri) -> Result<Self, Error> {
        let tls = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().map(normal_name).unwrap_or_default();
        if host.is_empty() {
            return Err(Error::HttpRequestUriInvalid);
        }
        Ok(Self { tls, host, port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }) })
    }
}

fn denied(port: &HostPort, target: &Target, why: &str) -> Error {
    port.notice(&format!("request to {}:{} refused: {why}", target.host, target.port));
    Error::HttpRequestDenied
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Sender = http1::SendRequest<WasiBody>;
type Connection = http1::Connection<TokioIo<Box<dyn Stream>>, WasiBody>;

async fn connect(rules: &Rules, port: &HostPort, target: &Target) -> Result<(Sender, Connection), Error> {
    let tcp = dial(rules, port, target).await?;
    let stream: Box<dyn Stream> = if target.tls {
        let name = ServerName::try_from(target.host.clone()).map_err(|_| Error::HttpRequestUriInvalid)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&rules.tls));
        Box::new(connector.connect(name, tcp).await.map_err(Error::Tls)?)
    } else {
        Box::new(tcp)
    };
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEADER);
    Ok(builder.handshake(TokioIo::new(stream)).await?)
}

/// Connects to an address that was checked, not to a name that could mean another one meanwhile.
async fn dial(rules: &Rules, port: &HostPort, target: &Target) -> Result<TcpStream, Error> {
    let unknown = |error: std::io::Error| Error::DnsError { rcode: Some(error.to_string()), info_code: None };
    let mut refused = None;
    let mut failed = Error::DestinationNotFound;
    for ip in rules.lookup(&target.host).await.map_err(unknown)? {
        let address = (ip, target.port).into();
        match rules.check(address, &target.host) {
            Err(why) => refused = Some(why),
            Ok(()) => match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Error::Connect(error),
            },
        }
    }
    Err(match refused {
        Some(why) => denied(port, target, why.text()),
        None => failed,
    })
}

async fn exchange(
    mut sender: Sender,
    connection: Connection,
    mut request: Request<WasiBody>,
    options: RequestOptions,
) -> Answer {
    // The request line names the path only; host and port are in the header.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let between = options.between_bytes_timeout.unwrap_or(TIMEOUT).max(Duration::from_nanos(1));
    let first_byte = options.first_byte_timeout.unwrap_or(TIMEOUT);
    let mut connection = Some(connection);
    let sent = {
        let mut answer = pin!(sender.send_request(request));
        let driven = std::future::poll_fn(|context| {
            if let Poll::Ready(answered) = answer.as_mut().poll(context) {
                return Poll::Ready(answered);
            }
            // The connection moves the bytes; its end can bring the answer.
            let Some(io) = connection.as_mut() else { return Poll::Pending };
            match std::task::ready!(Pin::new(io).poll(context)) {
                Ok(()) => {
                    connection = None;
                    answer.as_mut().poll(context)
                }
                Err(error) => Poll::Ready(Err(error)),
            }
        });
        timeout(first_byte, driven).await
    };
    let response = sent.map_err(|_| Error::ConnectionReadTimeout)??;
    let response = response.map(|body| Timed::new(body, between).boxed_unsync());
    let rest = async move {
        match connection {
            Some(io) => Ok(io.await?),
            None => Ok(()),
        }
    };
    Ok((response, Box::new(rest)))
}

/// A body whose frames must not be too far apart.
struct Timed {
    body: hyper::body::Incoming,
    pause: Interval,
}

impl Timed {
    fn new(body: hyper::body::Incoming, between: Duration) -> Self {
        let mut pause = tokio::time::interval(between);
        pause.reset();
        Self { body, pause }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.pause.reset();
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Poll::Pending => self.pause.poll_tick(context).map(|_| Some(Err(Error::ConnectionReadTimeout))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
