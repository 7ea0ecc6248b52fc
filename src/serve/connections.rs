//! Connections: as many as there is room for, none for ever, and an orderly end.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use super::answers::Answers;

/// How long a client may take for the head of a request, and how long it may keep a connection without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it is sent.
const STALLED: Duration = Duration::from_secs(30);
/// How large the head of a request may be, and how many fields it may have.
const MAX_HEAD: usize = 32 << 10;
const MAX_FIELDS: usize = 64;
/// How long requests that are under way may take, when all is to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How many connections may wait to be taken. The system has a bound of its own (on Linux `net.core.somaxconn`); those beyond
/// try again after a second.
const WAITING: i32 = 4096;
/// How many connections are waited for that are told that there is no room, on each thread; further ones are told, and
/// closed at once.
const MAX_REFUSING: usize = 512;
/// How long a client may take to read that.
const REFUSING: Duration = Duration::from_secs(2);
/// How many files and sockets are needed beside connections.
const OTHER_FILES: u64 = 128;

/// What is said where there is no room.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 48\r\n\r\nToo many are here at once; come again in a bit.\n";
/// What is said to a request whose head never came to its end.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 32\r\n\r\nThe request took too long here.\n";

/// How many connections there may be with the files that this process may open, which are made as many as can be.
pub(super) fn room_for(wanted: usize) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it can't be raised, what there is has to do.
    let _ = setrlimit(Resource::Nofile, limit);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX).max(16);
    if room < wanted {
        tracing::warn!(wanted, room, "this process may not open files for so many connections");
    }
    room.min(wanted)
}

/// What the threads share.
struct Hall {
    answers: Arc<Answers>,
    room: usize,
    taken: AtomicUsize,
}

/// A place for a connection, given back when it ends.
struct Place(Arc<Hall>);

impl Hall {
    fn place(self: &Arc<Hall>) -> Option<Place> {
        let more = |taken: usize| (taken < self.room).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        self.answers.metrics().connections.inc();
        Some(Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0.answers.metrics().connections.dec();
    }
}

/// Answers until there is a wish to end: one thread for each processor, and a connection stays with the thread that took it,
/// so that no thread has to wake another one for each request.
pub(super) fn serve(
    listener: std::net::TcpListener,
    answers: &Arc<Answers>,
    room: usize,
    wish: impl Future<Output = ()>,
) -> io::Result<()> {
    // The standard library asks for 128, which a crowd fills in no time.
    let _ = rustix::net::listen(&listener, WAITING);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let hall = Arc::new(Hall { answers: Arc::clone(answers), room, taken: AtomicUsize::new(0) });
    let (end, ended) = watch::channel(());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let interrupts = runtime()?;
    let mut wish = std::pin::pin!(wish);
    // It is heard before anybody is answered: who is told to end then does so in order.
    let is_wished = interrupts.block_on(std::future::poll_fn(|context| {
        std::task::Poll::Ready(wish.as_mut().poll(context).is_ready())
    }));
    if is_wished {
        return Ok(());
    }
    let mut answering = Vec::new();
    for _ in 0..threads {
        let (runtime, listener) = (runtime()?, listener.try_clone()?);
        let (hall, ended) = (Arc::clone(&hall), ended.clone());
        answering.push(std::thread::spawn(move || {
            let served = runtime.block_on(async {
                answer_all(TcpListener::from_std(listener)?, hall, ended).await;
                Ok(())
            });
            // A page that is still being made is nobody's any more.
            runtime.shutdown_background();
            served
        }));
    }
    // Each thread has its own share: with the last of them, nobody listens any more. Who came later would wait in vain.
    drop(listener);
    drop(ended);
    interrupts.block_on(async {
        tokio::select! {
            () = &mut wish => {}
            // None of them can listen.
            () = end.closed() => {}
        }
    });
    answers.end();
    drop(end);
    let served = answering.into_iter().map(|thread| thread.join().unwrap_or(Ok(())));
    served.collect()
}

async fn answer_all(listener: TcpListener, hall: Arc<Hall>, mut ended: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    let mut refusing = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            // Nothing is ever sent: it ends when the sender is gone.
            _ = ended.changed() => break,
        };
        // Those that have ended are forgotten.
        while connections.try_join_next().is_some() {}
        while refusing.try_join_next().is_some() {}
        match hall.place() {
            Some(place) => drop(connections.spawn(connection(stream, peer, place, ended.clone()))),
            None => {
                hall.answers.metrics().refused_connections.inc();
                if refusing.len() < MAX_REFUSING {
                    refusing.spawn(tokio::time::timeout(REFUSING, say(stream, NO_ROOM)));
                } else {
                    dismiss(stream);
                }
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_REQUESTS, all).await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole: there is nothing to gather.
                let _ = stream.set_nodelay(true);
                return (stream, peer.ip());
            }
            // The client went away, or there are no descriptors left for now.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Says something and hears what still comes, because a connection that is closed before that takes its answer with it.
async fn say(mut stream: TcpStream, what: &[u8]) {
    if stream.write_all(what).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let mut window = [0; 1024];
    while stream.read(&mut window).await.is_ok_and(|read| read > 0) {}
}

/// Says that there is no room, and waits for nothing. What has come already is heard, because it would take the answer with
/// it.
fn dismiss(stream: TcpStream) {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = stream.into_std() else { return };
    // What can't be said at once is not said.
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write(NO_ROOM);
}

/// One connection, from its first request to its last. What goes wrong with it is its client's to know.
async fn connection(stream: TcpStream, peer: IpAddr, place: Place, mut ended: watch::Receiver<()>) {
    let answers = Arc::clone(&place.0.answers);
    let service = service_fn(move |request: Request<Incoming>| {
        let answers = Arc::clone(&answers);
        // hyper gives a connection back only where futures can be moved.
        Box::pin(async move {
            Ok::<_, std::convert::Infallible>(answers.answer(peer, request.map(Body::new)).await)
        })
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS);
    let mut connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
    let outcome = {
        let mut to_its_end =
            std::pin::pin!(std::future::poll_fn(|context| { connection.poll_without_shutdown(context) }));
        tokio::select! {
            outcome = &mut to_its_end => Some(outcome),
            _ = ended.changed() => None,
        }
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            std::future::poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    let is_late = outcome.is_err_and(|error| error.is_timeout());
    let goodbye = async {
        if is_late && !parts.read_buf.is_empty() {
            let _ = stream.write_all(TOO_SLOW).await;
        }
        let _ = stream.shutdown().await;
        // A refusal is lost where it is closed over what is still being sent.
        let mut window = [0; 1024];
        while stream.read(&mut window).await.is_ok_and(|read| read > 0) {}
    };
    let _ = tokio::time::timeout(REFUSING, goodbye).await;
    drop(place);
}
