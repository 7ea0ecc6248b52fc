//! Connections: as many as there is room for, none for ever, and an orderly end.

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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use super::answers::Answers;
use crate::interrupt::interrupted;

/// How many connections there may be at once; others wait until one ends.
const MAX_CONNECTIONS: usize = 512;
/// How long a client may take for the head of a request, and how long it may keep a connection without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take nothing of what it is sent, or send nothing of what it announced.
const STALLED: Duration = Duration::from_secs(30);
/// How large the head of a request may be, and how many fields it may have.
const MAX_HEAD: usize = 32 << 10;
const MAX_FIELDS: usize = 64;
/// How long requests that are under way may take, when all is to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Answers until it is interrupted.
pub(super) async fn serve(listener: TcpListener, answers: Arc<Answers>) {
    let router = Router::new().fallback(move |request: Request<Body>| {
        let answers = Arc::clone(&answers);
        async move { answers.answer(request).await }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut interrupted = std::pin::pin!(interrupted());
    loop {
        let (stream, permit) = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = &mut interrupted => break,
        };
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(STALLED));
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
