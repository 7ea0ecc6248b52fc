//! One connection: reading requests, and sending answers as a [`Delivery`] wants them.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::wire::{Delivery, Framing, Instead, Method, Reply, Request, Response, values};
use super::{Fault, Shared, fault, push, routes};

/// A head may have so many bytes, and so many headers.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;
/// Answers to pipelined requests are gathered up to this size. A body is copied to them if it is smaller.
const GATHER: usize = 64 * 1024;

/// What the bytes received so far amount to.
enum Step {
    More,
    Bad,
    Body { head: usize, length: BodyLength, expects_continue: bool, early: Option<Early> },
    Reply { head: usize, reply: Reply, options: Options },
}

/// What happens before a request's body was read.
enum Early {
    /// So many bytes are read, and kept by the upload at this path if there is one; then the connection is reset.
    Break { after: usize, keep: Option<String> },
    /// This is answered, and the connection closed.
    Answer(u16),
}

#[derive(Clone, Copy)]
enum BodyLength {
    Known(usize),
    Chunked,
}

#[derive(Clone, Copy)]
struct Options {
    /// The request was HEAD: headers only.
    bare: bool,
    close: bool,
}

fn step(shared: &Shared, connection: u64, input: &[u8], body: Option<Bytes>) -> Step {
    if input.is_empty() {
        return Step::More;
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(input) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) if input.len() < MAX_HEAD => return Step::More,
        _ => return Step::Bad,
    };
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Step::Bad;
    };
    let has = |name, token: &str| {
        values(parsed.headers, name).any(|v| v.split(',').any(|v| v.trim().eq_ignore_ascii_case(token)))
    };
    if body.is_none() {
        let length = if has("transfer-encoding", "chunked") {
            Some(BodyLength::Chunked)
        } else {
            match values(parsed.headers, "content-length").next().map(str::parse) {
                None | Some(Ok(0)) => None,
                Some(Ok(length)) => Some(BodyLength::Known(length)),
                Some(Err(_)) => return Step::Bad,
            }
        };
        if let Some(length) = length {
            let request = request(method, target, parsed.headers, Bytes::new(), connection);
            let early = early(shared, &request, length);
            return Step::Body { head, length, expects_continue: has("expect", "100-continue"), early };
        }
    }
    let options = Options { bare: method == "HEAD", close: version == 0 || has("connection", "close") };
    let request = request(method, target, parsed.headers, body.unwrap_or_default(), connection);
    Step::Reply { head, reply: routes::respond(shared, &request), options }
}

fn request<'a>(
    method: &str,
    target: &'a str,
    headers: &'a [httparse::Header<'a>],
    body: Bytes,
    connection: u64,
) -> Request<'a> {
    // A proxy is sent the whole URL.
    let target = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    Request { method: Method::parse(method), target, headers, body, connection }
}

/// What a request suffers before its body is read. Such a request is recorded here.
fn early(shared: &Shared, request: &Request<'_>, length: BodyLength) -> Option<Early> {
    if !shared.faults_on.load(Ordering::Acquire) {
        return None;
    }
    let early = match fault::take_early(shared, request)? {
        Fault::BreakBody { after, keep } => {
            let after = match length {
                BodyLength::Known(length) => after.min(length),
                BodyLength::Chunked => after,
            };
            Early::Break { after, keep: keep.then(|| request.path().to_owned()) }
        }
        Fault::Early(status) => Early::Answer(status),
        _ => return None,
    };
    routes::note(shared, request);
    Some(early)
}

/// Serves one connection until either side has had enough.
pub(super) async fn connection(shared: Arc<Shared>, mut stream: TcpStream, number: u64) {
    // The client went away: nobody is left to be told.
    let _ = serve(&shared, &mut stream, number).await;
}

async fn serve(shared: &Shared, stream: &mut TcpStream, number: u64) -> io::Result<()> {
    let mut input = BytesMut::with_capacity(8 * 1024);
    let mut out = Vec::with_capacity(16 * 1024);
    loop {
        let mut next = step(shared, number, &input, None);
        if let Step::Body { head, early: Some(early), .. } = next {
            flush(stream, &mut out).await?;
            input.advance(head);
            return suffer(shared, stream, input, early).await;
        }
        if let Step::Body { head, length, expects_continue, .. } = next {
            flush(stream, &mut out).await?;
            if expects_continue {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            let head = input.split_to(head);
            let Some(body) = read_body(stream, &mut input, length).await? else {
                return Ok(());
            };
            next = step(shared, number, &head, Some(body));
        } else if let Step::Reply { head, .. } = next {
            input.advance(head);
        }
        let (reply, options) = match next {
            Step::Reply { reply, options, .. } => (reply, options),
            Step::More => {
                flush(stream, &mut out).await?;
                if stream.read_buf(&mut input).await? == 0 {
                    return Ok(());
                }
                continue;
            }
            Step::Bad | Step::Body { .. } => {
                let reply = Reply { response: Response::new(400), delivery: None };
                (reply, Options { bare: false, close: true })
            }
        };
        let close = match reply.delivery {
            None => {
                ordinary(stream, &mut out, reply.response, options).await?;
                options.close
            }
            Some(delivery) => {
                flush(stream, &mut out).await?;
                deliver(stream, &reply.response, &delivery, options).await?
            }
        };
        if close {
            flush(stream, &mut out).await?;
            return stream.shutdown().await;
        }
    }
}

/// Ends a connection before a request's body was read.
async fn suffer(
    shared: &Shared,
    stream: &mut TcpStream,
    mut input: BytesMut,
    early: Early,
) -> io::Result<()> {
    match early {
        Early::Answer(status) => {
            let mut out = Vec::new();
            write_head(&mut out, &Response::new(status), Framing::Length, true)?;
            stream.write_all(&out).await?;
            stream.shutdown().await?;
            // Closing at once would take the answer from whoever still sends.
            let mut ignored = [0; 1024];
            while stream.read(&mut ignored).await? != 0 {}
        }
        Early::Break { after, keep } => {
            while input.len() < after && stream.read_buf(&mut input).await? != 0 {}
            input.truncate(after);
            if let Some(path) = keep {
                push::keep(shared, &path, &input);
            }
            stream.set_zero_linger()?;
        }
    }
    Ok(())
}

async fn flush(stream: &mut TcpStream, out: &mut Vec<u8>) -> io::Result<()> {
    if !out.is_empty() {
        stream.write_all(out).await?;
        out.clear();
    }
    Ok(())
}

/// Reads a request's body; `None` if the client broke off or made no sense.
async fn read_body(
    stream: &mut TcpStream,
    input: &mut BytesMut,
    length: BodyLength,
) -> io::Result<Option<Bytes>> {
    let mut body = BytesMut::new();
    loop {
        let size = match length {
            BodyLength::Known(length) => length,
            BodyLength::Chunked => match httparse::parse_chunk_size(input) {
                Ok(httparse::Status::Complete((line, size))) => {
                    input.advance(line);
                    // What memory cannot hold will not arrive either.
                    usize::try_from(size).unwrap_or(usize::MAX)
                }
                Ok(httparse::Status::Partial) => {
                    if stream.read_buf(input).await? == 0 {
                        return Ok(None);
                    }
                    continue;
                }
                Err(_) => return Ok(None),
            },
        };
        let ending = if matches!(length, BodyLength::Chunked) { 2 } else { 0 };
        while input.len() < size.saturating_add(ending) {
            if stream.read_buf(input).await? == 0 {
                return Ok(None);
            }
        }
        body.unsplit(input.split_to(size));
        input.advance(ending);
        if ending == 0 || size == 0 {
            return Ok(Some(body.freeze()));
        }
    }
}

async fn ordinary(
    stream: &mut TcpStream,
    out: &mut Vec<u8>,
    response: Response,
    options: Options,
) -> io::Result<()> {
    write_head(out, &response, Framing::Length, options.close)?;
    if options.bare || bodiless(response.status) {
    } else if response.body.len() < GATHER {
        out.extend_from_slice(&response.body);
    } else {
        flush(stream, out).await?;
        stream.write_all(&response.body).await?;
    }
    if out.len() >= GATHER { flush(stream, out).await } else { Ok(()) }
}

/// Whether a status has neither body nor length (RFC 9110, sections 15.3.5 and 15.4.5).
fn bodiless(status: u16) -> bool {
    matches!(status, 204 | 304)
}

fn write_head(out: &mut Vec<u8>, response: &Response, framing: Framing, close: bool) -> io::Result<()> {
    match response.status {
        200 => out.extend_from_slice(b"HTTP/1.1 200 OK\r\n"),
        status => write!(out, "HTTP/1.1 {status} {}\r\n", reason(status))?,
    }
    out.extend_from_slice(&response.cached);
    for (name, value) in &response.headers {
        write!(out, "{name}: {value}\r\n")?;
    }
    match framing {
        _ if bodiless(response.status) => {}
        Framing::Length => write!(out, "Content-Length: {}\r\n", response.body.len())?,
        Framing::Chunked | Framing::Endless => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::UntilClose => {}
    }
    if close || framing == Framing::UntilClose {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

/// Sends an answer as a fault wants it. True if the connection is to be closed.
async fn deliver(
    stream: &mut TcpStream,
    response: &Response,
    delivery: &Delivery,
    options: Options,
) -> io::Result<bool> {
    if !delivery.delay.is_zero() {
        tokio::time::sleep(delivery.delay).await;
    }
    match &delivery.instead {
        None => {}
        Some(Instead::Reset) => {
            stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(Instead::Hang) => {
            let mut ignored = [0; 1024];
            while stream.read(&mut ignored).await? != 0 {}
            return Ok(true);
        }
        Some(Instead::Raw(bytes)) => {
            stream.write_all(bytes).await?;
            return Ok(true);
        }
    }
    let framing = delivery.framing;
    let close = options.close || framing == Framing::UntilClose || delivery.cut.is_some();
    let mut out = Vec::with_capacity(1024);
    // A server that is going to break off does not announce it.
    write_head(&mut out, response, framing, options.close)?;
    stream.write_all(&out).await?;
    if options.bare || bodiless(response.status) {
        return Ok(close);
    }
    let body = &response.body[..delivery.cut.unwrap_or(usize::MAX).min(response.body.len())];
    let (piece, pause) = delivery.pace.unwrap_or((GATHER, Duration::ZERO));
    for (number, bytes) in body.chunks(piece.max(1)).enumerate() {
        if number > 0 && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        send_piece(stream, &mut out, framing, bytes).await?;
    }
    if delivery.cut.is_some() {
        return Ok(true);
    }
    if framing == Framing::Endless {
        let spaces = [b' '; 16 * 1024];
        loop {
            send_piece(stream, &mut out, framing, &spaces[..piece.clamp(1, spaces.len())]).await?;
            tokio::time::sleep(pause).await;
        }
    }
    if framing == Framing::Chunked {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(close)
}

async fn send_piece(
    stream: &mut TcpStream,
    out: &mut Vec<u8>,
    framing: Framing,
    bytes: &[u8],
) -> io::Result<()> {
    if !matches!(framing, Framing::Chunked | Framing::Endless) {
        return stream.write_all(bytes).await;
    }
    out.clear();
    write!(out, "{:x}\r\n", bytes.len())?;
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    stream.write_all(out).await
}
