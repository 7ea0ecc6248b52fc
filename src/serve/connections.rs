//! Connections: as many as there is room for, none for ever, and an orderly end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

use super::answers::Answers;

/// How many connections there may be at once; others wait until one ends.
const MAX_CONNECTIONS: usize = 512;
/// How long a client may take for the head of a request, and how long it may keep a connection without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it is sent.
const STALLED: Duration = Duration::from_secs(30);
/// How large the head of a request may be, and how many fields it may have.
const MAX_HEAD: usize = 32 << 10;
const MAX_FIELDS: usize = 64;
/// How long requests that are under way may take, when all is to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Answers until there is a wish to end: one thread for each processor, and a connection stays with the thread that took it,
/// so that no thread has to wake another one for each request.
pub(super) fn serve(
    listener: &std::net::TcpListener,
    answers: &Arc<Answers>,
    wish: impl Future<Output = ()>,
) -> io::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (end, ended) = watch::channel(());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let interrupts = runtime()?;
    let mut answering = Vec::new();
    for _ in 0..threads {
        let (runtime, listener) = (runtime()?, listener.try_clone()?);
        let (answers, room, ended) = (Arc::clone(answers), Arc::clone(&room), ended.clone());
        answering.push(std::thread::spawn(move || {
            let served = runtime.block_on(async {
                answer_all(TcpListener::from_std(listener)?, answers, room, ended).await;
                Ok(())
            });
            // A page that is still being made is nobody's any more.
            runtime.shutdown_background();
            served
        }));
    }
    drop(ended);
    interrupts.block_on(async {
        tokio::select! {
            () = wish => {}
            // None of them can listen.
            () = end.closed() => {}
        }
    });
    drop(end);
    let served = answering.into_iter().map(|thread| thread.join().unwrap_or(Ok(())));
    served.collect()
}

async fn answer_all(
    listener: TcpListener,
    answers: Arc<Answers>,
    room: Arc<Semaphore>,
    mut ended: watch::Receiver<()>,
) {
    let router = Router::new().fallback(move |request: Request<Body>| {
        let answers = Arc::clone(&answers);
        async move { answers.answer(request).await }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS);
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, permit) = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            // Nothing is ever sent: it ends when the sender is gone.
            _ = ended.changed() => break,
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALLED));
        let service = TowerToHyperService::new(router.clone());
        let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // What goes wrong with a connection is its client's to know.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await;
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole: there is nothing to gather.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            // The client went away, or there are no descriptors left for now.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
