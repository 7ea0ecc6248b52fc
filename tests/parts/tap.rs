//! A tap between `workson` and a registry: it hands on every byte, and keeps what the client sent.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A tap that runs until it is dropped.
pub(crate) struct Tap {
    host: String,
    sent: Arc<Mutex<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Tap {
    /// Listens on a free port, and hands on to `server`.
    pub(crate) fn before(server: &str) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (server, kept, stopped) = (server.to_owned(), sent.clone(), stop.clone());
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                let (back, answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let kept = kept.clone();
                std::thread::spawn(move || {
                    hand_on(client, server, |bytes| kept.lock().unwrap().extend(bytes))
                });
                std::thread::spawn(move || hand_on(answers, back, |_| {}));
            }
        });
        Tap { host, sent, stop, accepting: Some(accepting) }
    }

    /// Address and port: what stands in front of a repository.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The values of every `Authorization` that came by, in order.
    pub(crate) fn authorizations(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        let text = String::from_utf8_lossy(&sent);
        let fields = text.lines().filter_map(|line| line.split_once(": "));
        let of_interest = fields.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        of_interest.map(|(_, value)| value.trim().to_owned()).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes whoever waits for a connection.
        drop(TcpStream::connect(&self.host));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, keep: impl Fn(&[u8])) {
    let mut buffer = [0; 16 << 10];
    // A connection that breaks is simply over: whoever is at its ends will notice.
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        keep(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
