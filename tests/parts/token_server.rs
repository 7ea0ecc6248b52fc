//! A token service as registries have it (distribution's "token authentication"): it signs with openssl what
//! the test decides to grant.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::certificates::{Authority, rs256, x5c};

/// What the registry calls itself at the token service.
pub(crate) const SERVICE: &str = "registry-of-the-test";
/// What the token service calls itself in tokens.
pub(crate) const ISSUER: &str = "tokens-of-the-test";

/// How long the registry takes a token after it has expired, in seconds: its allowance for clocks that differ.
pub(crate) const LEEWAY: i64 = 60;

/// A question to the token service.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) service: String,
    /// The scope; of several, the first.
    pub(crate) scope: String,
    /// All scopes.
    pub(crate) scopes: Vec<String>,
    pub(crate) authorization: Option<String>,
    /// How many questions for this scope came before.
    pub(crate) before: usize,
}

impl Asked {
    /// What a token may allow at most: what was asked for, as a token's `access` has it; of that, these actions.
    fn access(&self, allowed: &[&str]) -> serde_json::Value {
        let one = |scope: &String| {
            let parts: Vec<&str> = scope.split(':').collect();
            let [kind, name, actions] = parts[..] else { return None };
            let actions: Vec<&str> = actions.split(',').filter(|action| allowed.contains(action)).collect();
            Some(json!({ "type": kind, "name": name, "actions": actions }))
        };
        self.scopes.iter().filter_map(one).collect()
    }

    /// The repository of the scope `repository:NAME:pull`.
    pub(crate) fn repository(&self) -> &str {
        self.scope.split(':').nth(1).unwrap_or_default()
    }
}

/// What the token service answers.
pub(crate) enum Grant {
    /// 401.
    Refused,
    /// A token for an hour, at once, that allows to pull, whatever more was asked for.
    PullAlone,
    /// A token.
    Token {
        /// Whether it allows what was asked for (to pull, to push), or nothing at all.
        pull: bool,
        /// In how many seconds (from now) the registry takes it no more.
        good_for: i64,
        /// What the answer says about that.
        expires_in: u64,
        /// How long the answer takes.
        after: Duration,
    },
}

impl Grant {
    /// A token for an hour, at once.
    pub(crate) fn pull() -> Grant {
        Grant::Token { pull: true, good_for: 3600, expires_in: 3600, after: Duration::ZERO }
    }

    /// A token that allows nothing, as Docker Hub gives it to those who may not.
    pub(crate) fn nothing() -> Grant {
        Grant::Token { pull: false, good_for: 3600, expires_in: 3600, after: Duration::ZERO }
    }
}

type Decide = Box<dyn Fn(&Asked) -> Grant + Send + Sync>;

/// A token service that runs until it is dropped.
pub(crate) struct TokenServer {
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    host: String,
    key: PathBuf,
    certificate: PathBuf,
    decide: Decide,
    asked: Mutex<Vec<Asked>>,
    issued: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl TokenServer {
    /// Listens on a free port, and grants what `decide` says.
    pub(crate) fn start(
        authority: &Authority,
        decide: impl Fn(&Asked) -> Grant + Send + Sync + 'static,
    ) -> TokenServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            host: listener.local_addr().unwrap().to_string(),
            key: authority.key(),
            certificate: authority.certificate(),
            decide: Box::new(decide),
            asked: Mutex::default(),
            issued: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let server = shared.clone();
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming() {
                if server.stop.load(Ordering::Relaxed) {
                    return;
                }
                let server = server.clone();
                std::thread::spawn(move || server.answer(client.unwrap()));
            }
        });
        TokenServer { shared, accepting: Some(accepting) }
    }

    /// Where tokens are to be had.
    pub(crate) fn realm(&self) -> String {
        format!("http://{}/token", self.shared.host)
    }

    /// What tokens are checked with.
    pub(crate) fn certificate(&self) -> &Path {
        &self.shared.certificate
    }

    /// Every question so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// How often a token for `repository` was asked for.
    pub(crate) fn count(&self, repository: &str) -> usize {
        self.asked().iter().filter(|asked| asked.repository() == repository).count()
    }

    /// Every token so far.
    pub(crate) fn issued(&self) -> Vec<String> {
        self.shared.issued.lock().unwrap().clone()
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes whoever waits for a connection.
        drop(TcpStream::connect(&self.shared.host));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn answer(&self, mut client: TcpStream) {
        let mut lines = BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok);
        let Some(request) = lines.next() else { return };
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let query = request.split(' ').nth(1).and_then(|path| path.strip_prefix("/token?"));
        let (status, body) = match query.filter(|_| request.starts_with("GET ")) {
            Some(query) => self.token(self.note(query, &headers)),
            None => ("404 Not Found", json!({})),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        // Whoever asked may have gone.
        let _ = client.write_all(format!("{head}{body}").as_bytes());
    }

    fn note(&self, query: &str, headers: &[String]) -> Asked {
        let parameters = |name: &str| -> Vec<String> {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let read = |value: &str| value.replace("%3A", ":").replace("%2F", "/").replace("%2C", ",");
            pairs.filter(|(found, _)| *found == name).map(|(_, value)| read(value)).collect()
        };
        let mut fields = headers.iter().filter_map(|line| line.split_once(": "));
        let authorization = fields.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let scopes = parameters("scope");
        let scope = scopes.first().cloned().unwrap_or_default();
        let mut all = self.asked.lock().unwrap();
        let asked = Asked {
            service: parameters("service").pop().unwrap_or_default(),
            authorization: authorization.map(|(_, value)| value.to_owned()),
            before: all.iter().filter(|earlier| earlier.scope == scope).count(),
            scope,
            scopes,
        };
        all.push(asked.clone());
        asked
    }

    #[allow(clippy::disallowed_methods, reason = "the registry goes by the real clock")]
    fn token(&self, asked: Asked) -> (&'static str, serde_json::Value) {
        let (allowed, good_for, expires_in, after) = match (self.decide)(&asked) {
            Grant::Refused => {
                return ("401 Unauthorized", json!({ "details": "incorrect username or password" }));
            }
            Grant::PullAlone => (&["pull"][..], 3600, 3600, Duration::ZERO),
            Grant::Token { pull, good_for, expires_in, after } => {
                (if pull { &["pull", "push"][..] } else { &[] }, good_for, expires_in, after)
            }
        };
        std::thread::sleep(after);
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let header = json!({ "typ": "JWT", "alg": "RS256", "x5c": [x5c(&self.certificate)] });
        let claims = json!({
            "iss": ISSUER,
            "sub": "",
            "aud": asked.service,
            "exp": now + good_for - LEEWAY,
            "nbf": now - 600,
            "iat": now - 600,
            "jti": format!("{} {}", asked.scope, asked.before),
            "access": if allowed.is_empty() { json!([]) } else { asked.access(allowed) },
        });
        let part = |value: &serde_json::Value| super::base64(value.to_string().as_bytes(), true);
        let signed = format!("{}.{}", part(&header), part(&claims));
        let token = format!("{signed}.{}", rs256(&self.key, &signed));
        self.issued.lock().unwrap().push(token.clone());
        ("200 OK", json!({ "token": token, "expires_in": expires_in }))
    }
}
