//! A repository over HTTP: git's own `git http-backend` behind a server of a few lines, which can also misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::base64;
use super::git::git_command;

/// What the server does with a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Manner {
    /// As git has it.
    Serves,
    /// As git has it, for `user:password` alone.
    Asks(&'static str),
    /// Always this status.
    Status(u16),
    /// Closes the connection without a word.
    Closes,
    /// As git has it, but the pack breaks off after so many bytes.
    BreaksOff(usize),
    /// Answers the first request as git has it, and the one for the pack never.
    FallsSilent,
    /// Sends whoever asks to that address, with the same path.
    SendsTo(String),
    /// Something that is no git at all.
    Page,
}

struct Shared {
    folder: PathBuf,
    manner: Mutex<Manner>,
    requests: Mutex<Vec<String>>,
    /// How many bytes were sent.
    sent: AtomicUsize,
    stop: AtomicBool,
    /// Connections on which nothing more is said.
    silent: Mutex<Vec<TcpStream>>,
}

pub(crate) struct GitHttp {
    shared: Arc<Shared>,
    host: String,
    thread: Option<JoinHandle<()>>,
}

impl GitHttp {
    /// Serves every repository below `folder`.
    pub(crate) fn serve(folder: &Path) -> GitHttp {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            manner: Mutex::new(Manner::Serves),
            requests: Mutex::default(),
            sent: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            silent: Mutex::default(),
        });
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), serving) = (stream, serving.clone()) else { continue };
                // A client that goes away ends its own connection alone.
                std::thread::spawn(move || serving.answer(stream));
            }
        });
        GitHttp { shared, host, thread: Some(thread) }
    }

    pub(crate) fn address(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.host)
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn manner(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// How many bytes were sent since [`forget`](GitHttp::forget).
    pub(crate) fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn forget(&self) {
        self.shared.sent.store(0, Ordering::SeqCst);
        self.requests();
    }

    /// The heads of the requests since the last time: their first line, and `Authorization` where there was one.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.requests.lock().unwrap())
    }
}

impl Drop for GitHttp {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the one that waits for connections.
        let _ = TcpStream::connect(&self.host);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Request {
    line: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    fn read(stream: &TcpStream) -> Option<Request> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut fields = Vec::new();
        loop {
            let mut field = String::new();
            reader.read_line(&mut field).ok()?;
            let Some((name, value)) = field.split_once(':') else { break };
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Request { line: line.trim_end().to_owned(), fields, body: Vec::new() };
        if request.field("expect") == "100-continue" {
            (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        if request.field("transfer-encoding") == "chunked" {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size).ok()?;
                let size = usize::from_str_radix(size.trim(), 16).ok()?;
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk).ok()?;
                if size == 0 {
                    break;
                }
                request.body.extend_from_slice(&chunk[..size]);
            }
        } else {
            request.body = vec![0; request.field("content-length").parse().unwrap_or(0)];
            reader.read_exact(&mut request.body).ok()?;
        }
        (!request.line.is_empty()).then_some(request)
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) {
        let Some(request) = Request::read(&stream) else { return };
        let said = format!("{} {}", request.line, request.field("authorization"));
        self.requests.lock().unwrap().push(said.trim_end().to_owned());
        let is_pack = request.line.contains("git-upload-pack ") && request.line.starts_with("POST");
        let manner = self.manner.lock().unwrap().clone();
        let plain = |status: &str, more: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                .into_bytes()
        };
        let bytes = match &manner {
            Manner::Closes => return,
            Manner::FallsSilent if is_pack => {
                self.silent.lock().unwrap().push(stream);
                return;
            }
            Manner::Status(status) => plain(&format!("{status} So It Is"), "", "so it is"),
            Manner::Page => plain("200 OK", "Content-Type: text/html\r\n", "<html>hello</html>"),
            Manner::SendsTo(to) => {
                let path = request.line.split(' ').nth(1).unwrap_or_default();
                plain("302 Found", &format!("Location: {to}{path}\r\n"), "")
            }
            Manner::Asks(who)
                if request.field("authorization") != format!("Basic {}", base64(who.as_bytes(), false)) =>
            {
                plain("401 Unauthorized", "WWW-Authenticate: Basic realm=\"git\"\r\n", "who are you?")
            }
            _ => self.by_git(&request),
        };
        let end = match manner {
            Manner::BreaksOff(after) if is_pack => after.min(bytes.len()),
            _ => bytes.len(),
        };
        self.sent.fetch_add(end, Ordering::SeqCst);
        // Whoever asked may have gone.
        let _ = stream.write_all(&bytes[..end]);
    }

    /// The answer of git's CGI program (RFC 3875), as HTTP.
    fn by_git(&self, request: &Request) -> Vec<u8> {
        let mut words = request.line.split(' ');
        let method = words.next().unwrap_or_default();
        let (path, query) = words.next().unwrap_or_default().split_once('?').unwrap_or_default();
        let path = if path.is_empty() { request.line.split(' ').nth(1).unwrap_or_default() } else { path };
        let mut command = git_command(&self.folder);
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.folder)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", method)
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", request.field("content-type"))
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", request.field("content-encoding"))
            .env("GIT_PROTOCOL", request.field("git-protocol"))
            .env("REMOTE_ADDR", "127.0.0.1");
        let output = super::output("git", &mut command, &request.body).stdout;
        let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.len());
        let head = String::from_utf8_lossy(&output[..end]);
        let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
        let fields: Vec<&str> = head.lines().filter(|line| !line.starts_with("Status: ")).collect();
        let body = output.get(end + 4..).unwrap_or_default();
        let length = body.len();
        let fields = fields.join("\r\n");
        let head =
            format!("HTTP/1.1 {status}\r\n{fields}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        [head.as_bytes(), body].concat()
    }
}
