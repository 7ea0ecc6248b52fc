//! A folder over TLS, as a mirror of a distribution has it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A server that runs until it is dropped.
pub(crate) struct HttpsFiles {
    host: String,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl HttpsFiles {
    /// Serves the files of `folder` on a free port, with this certificate and its key.
    pub(crate) fn of(folder: &Path, (certificate, key): (PathBuf, PathBuf)) -> HttpsFiles {
        let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let (config, folder, stop) = (Arc::new(config), folder.to_owned(), Arc::new(AtomicBool::new(false)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let stopped = stop.clone();
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let connection = ServerConnection::new(config.clone()).unwrap();
                let stream = StreamOwned::new(connection, client.unwrap());
                let folder = folder.clone();
                // Whoever asks may go at any time, and does so where the certificate is not trusted.
                std::thread::spawn(move || answer(&folder, stream).is_ok());
            }
        });
        HttpsFiles { host, stop, accepting: Some(accepting) }
    }

    /// Address and port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for HttpsFiles {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes whoever waits for a connection.
        drop(TcpStream::connect(&self.host));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// Answers one request, and ends the connection.
fn answer(folder: &Path, stream: StreamOwned<ServerConnection, TcpStream>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut field = String::new();
    while reader.read_line(&mut field)? > 2 {
        field.clear();
    }
    let mut stream = reader.into_inner();
    let name = Path::new(request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/'));
    let is_below = name.components().all(|part| matches!(part, Component::Normal(_)));
    let (status, body) = match std::fs::read(folder.join(name)) {
        Ok(bytes) if is_below => ("200 OK", bytes),
        _ => ("404 Not Found", Vec::new()),
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)?;
    stream.conn.send_close_notify();
    stream.flush()
}
