//! Credentials, from where docker and podman keep them.
//!
//! Formats: docker's [config.json] and [credential helpers], podman's [containers-auth.json(5)].
//!
//! [config.json]: https://docs.docker.com/reference/cli/docker/#docker-cli-configuration-file-configjson-properties
//! [credential helpers]: https://github.com/docker/docker-credential-helpers#development
//! [containers-auth.json(5)]: https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;
use workson_oci::Repository;

use crate::error::{Error, Kind};

/// The key under which docker keeps the credentials for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// How large a credential file may be, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// How much of a helper's output is read, in bytes.
const MAX_HELPER_OUTPUT: u64 = 256 << 10;
/// How long a helper may take.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// Who asks. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user name and a password (or an access token in its place).
    Password {
        /// The user.
        user: String,
        /// The secret.
        password: String,
    },
    /// A refresh token, to be traded for access tokens.
    IdentityToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Password { user, .. } => write!(f, "Password({user:?}, …)"),
            Credentials::IdentityToken(_) => write!(f, "IdentityToken(…)"),
        }
    }
}

/// The credential files of this user, read when a registry first asks who is there.
#[derive(Debug, Default)]
pub struct Keychain {
    files: Vec<PathBuf>,
    read: OnceCell<Result<Vec<Store>, Error>>,
}

#[derive(Debug)]
struct Store {
    path: PathBuf,
    config: ConfigFile,
    /// What helpers answered, by helper and server: one process however many repositories ask.
    answers: Mutex<HashMap<(String, String), HelperAnswer>>,
}

type HelperAnswer = Arc<OnceCell<Result<Option<Credentials>, Error>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    #[serde(deserialize_with = "nullable")]
    auths: BTreeMap<String, Option<Object<Auth>>>,
    creds_store: Option<String>,
    #[serde(deserialize_with = "nullable")]
    cred_helpers: BTreeMap<String, Option<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    #[serde(deserialize_with = "nullable")]
    auth: String,
    #[serde(deserialize_with = "nullable")]
    username: String,
    #[serde(deserialize_with = "nullable")]
    password: String,
    #[serde(deserialize_with = "nullable")]
    identitytoken: String,
}

/// Reads `null` as if there were nothing, as docker does.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A struct that is read from a JSON object alone: a derived one would take an array as well.
#[derive(Debug)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Object<T>, D::Error> {
        struct Fields<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        from.deserialize_map(Fields(std::marker::PhantomData)).map(Object)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(…)")
    }
}

impl Keychain {
    /// A keychain over `files`, of which the first that knows a registry answers. Files that do not exist are
    /// passed over.
    pub fn new(files: Vec<PathBuf>) -> Keychain {
        Keychain { files, read: OnceCell::new() }
    }

    /// The credentials for `repository`, if there are some.
    ///
    /// # Errors
    /// [`Kind::Credentials`] where a file can't be read, or a helper fails otherwise than by knowing nothing.
    pub async fn credentials(&self, repository: &Repository) -> Result<Option<Credentials>, Error> {
        let stores =
            self.read.get_or_init(|| async { self.read_files() }).await.as_ref().map_err(Error::clone)?;
        for store in stores {
            if let Some(found) = store.credentials(repository).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn read_files(&self) -> Result<Vec<Store>, Error> {
        let mut stores = Vec::new();
        for path in &self.files {
            if let Some(config) = read_file(path)? {
                stores.push(Store { path: path.clone(), config, answers: Mutex::default() });
            }
        }
        Ok(stores)
    }
}

fn read_file(path: &Path) -> Result<Option<ConfigFile>, Error> {
    let failed = |what: String| {
        Error::new(Kind::Credentials, format!("credentials in {}", path.display()), what)
            .with_hint("mend the file, or point DOCKER_CONFIG or REGISTRY_AUTH_FILE at another one")
    };
    let text = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
        Ok(about) if about.len() > MAX_FILE => {
            return Err(failed(format!("{} bytes are more than the {MAX_FILE} that are read", about.len())));
        }
        Ok(_) => std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?,
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    // serde_json's messages name line and column, and may quote a value: only the place is passed on.
    let config: Option<Object<ConfigFile>> = serde_json::from_str(&text).map_err(|error| {
        failed(format!("not the JSON that docker writes (line {}, column {})", error.line(), error.column()))
    })?;
    Ok(config.map(|Object(config)| config))
}

impl Store {
    async fn credentials(&self, repository: &Repository) -> Result<Option<Credentials>, Error> {
        let keys = keys(repository);
        let helper = keys.iter().find_map(|key| lookup(&self.config.cred_helpers, key));
        if let Some(helper) = helper.filter(|name| !name.is_empty()) {
            return self.ask(helper, repository).await;
        }
        if let Some(store) = self.config.creds_store.as_deref().filter(|name| !name.is_empty())
            && let Some(found) = self.ask(store, repository).await?
        {
            return Ok(Some(found));
        }
        match keys.iter().find_map(|key| lookup(&self.config.auths, key)) {
            Some(Object(auth)) => auth.read().map_err(|what| self.failed(&what)),
            None => Ok(None),
        }
    }

    fn failed(&self, what: &str) -> Error {
        Error::new(Kind::Credentials, format!("credentials in {}", self.path.display()), what)
    }

    /// What the helper answers, asked once for all who want to know it.
    async fn ask(&self, helper: &str, repository: &Repository) -> Result<Option<Credentials>, Error> {
        let server = match repository.registry() {
            "docker.io" => DOCKER_HUB_KEY,
            registry => registry,
        };
        let answer = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.entry((helper.to_owned(), server.to_owned())).or_default().clone()
        };
        answer.get_or_init(|| self.run(helper, server)).await.clone()
    }

    /// Asks `docker-credential-NAME get`, which reads a server from its standard input and answers with JSON.
    async fn run(&self, helper: &str, server: &str) -> Result<Option<Credentials>, Error> {
        let program = format!("docker-credential-{helper}");
        let failed = |what: String| {
            self.failed(&what).with_hint(format!(
                "run `{program} get` by hand, or take {helper:?} out of {}",
                self.path.display()
            ))
        };
        // A name with a slash would start a program that no installation put in the PATH.
        if !helper.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return Err(failed(format!("{helper:?} is no name of a credential helper")));
        }
        let run = run_helper(&program, server);
        let (ok, output) = match tokio::time::timeout(HELPER_TIMEOUT, run).await {
            Err(_) => {
                return Err(failed(format!("{program} did not answer in {} s", HELPER_TIMEOUT.as_secs())));
            }
            Ok(Err(error)) => return Err(failed(format!("{program} could not be run: {error}"))),
            Ok(Ok(answer)) => answer,
        };
        if !ok {
            // The protocol tells "nothing kept" by this sentence alone.
            let nothing = output.to_ascii_lowercase().contains("credentials not found");
            return if nothing { Ok(None) } else { Err(failed(format!("{program} failed"))) };
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            username: String,
            secret: String,
        }
        let Object(answer): Object<Answer> = serde_json::from_str(&output)
            .map_err(|_| failed(format!("{program} did not answer as credential helpers do")))?;
        Ok(Some(match answer.username.as_str() {
            "<token>" => Credentials::IdentityToken(answer.secret),
            _ => Credentials::Password { user: answer.username, password: answer.secret },
        }))
    }
}

/// Whether the helper succeeded, and what it printed.
async fn run_helper(program: &str, server: &str) -> std::io::Result<(bool, String)> {
    let mut child = tokio::process::Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input closes it; that is no failure yet.
        let _ = stdin.write_all(server.as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_HELPER_OUTPUT).read_to_end(&mut output).await?;
    }
    let status = child.wait().await?;
    Ok((status.success(), String::from_utf8_lossy(&output).into_owned()))
}

impl Auth {
    fn read(&self) -> Result<Option<Credentials>, String> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credentials::IdentityToken(self.identitytoken.clone())));
        }
        if self.auth.is_empty() {
            let (user, password) = (self.username.clone(), self.password.clone());
            return Ok((!user.is_empty()).then_some(Credentials::Password { user, password }));
        }
        let decoded = STANDARD.decode(&self.auth).or_else(|_| STANDARD_NO_PAD.decode(&self.auth));
        let text = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (user, password) = text
            .as_deref()
            .and_then(|text| text.split_once(':'))
            .ok_or("an `auth` entry is not the base64 of user:password")?;
        let password = password.trim_end_matches('\0').to_owned();
        Ok(Some(Credentials::Password { user: user.to_owned(), password }))
    }
}

/// The keys that may hold credentials for a repository, the most particular first: podman's paths, then the
/// host, then what docker calls Docker Hub.
fn keys(repository: &Repository) -> Vec<String> {
    let mut keys = Vec::new();
    let full = repository.to_string();
    let mut path = full.as_str();
    loop {
        keys.push(path.to_owned());
        match path.rsplit_once('/') {
            Some((parent, _)) => path = parent,
            None => break,
        }
    }
    if repository.registry() == "docker.io" {
        keys.extend([
            DOCKER_HUB_KEY.to_owned(),
            "index.docker.io".to_owned(),
            "registry-1.docker.io".to_owned(),
        ]);
    }
    keys
}

/// Finds `key`, or a key that is the same but for a scheme and docker's old `/v1/` or `/v2/` at its end;
/// of several such the first in the alphabet. What is `null` is not there.
fn lookup<'a, T>(map: &'a BTreeMap<String, Option<T>>, key: &str) -> Option<&'a T> {
    let exact = map.get(key).and_then(Option::as_ref);
    let alike =
        || map.iter().filter(|(kept, _)| plain(kept) == plain(key)).find_map(|(_, value)| value.as_ref());
    exact.or_else(alike)
}

fn plain(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn find(files: &[&str], repository: &str) -> Result<Option<Credentials>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = vec![folder.path().join("absent.json")];
        for (at, text) in files.iter().enumerate() {
            let path = folder.path().join(format!("{at}.json"));
            std::fs::write(&path, text).unwrap();
            paths.push(path);
        }
        let reference: workson_oci::Reference = repository.parse().unwrap();
        Keychain::new(paths).credentials(reference.repository()).await
    }

    fn user(user: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Password { user: user.into(), password: password.into() })
    }

    // base64 of alice:s3cret, bob:pass:word and carol:x
    const ALICE: &str = r#"{"auth":"YWxpY2U6czNjcmV0"}"#;
    const BOB: &str = r#"{"auth":"Ym9iOnBhc3M6d29yZA=="}"#;
    const CAROL: &str = r#"{"auth":"Y2Fyb2w6eA=="}"#;

    #[tokio::test]
    async fn docker_hubs_key_serves_short_names() {
        let file = format!(r#"{{"auths":{{"https://index.docker.io/v1/":{ALICE}}}}}"#);
        assert_eq!(find(&[&file], "nginx").await.unwrap(), user("alice", "s3cret"));
        assert_eq!(find(&[&file], "quay.io/a/b").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_path_comes_before_its_host_and_an_earlier_file_before_a_later() {
        let first = format!(r#"{{"auths":{{"quay.io":{ALICE},"quay.io/team":{BOB}}}}}"#);
        let second =
            format!(r#"{{"auths":{{"quay.io/team/app":{CAROL},"http://r.example:5000/v2/":{CAROL}}}}}"#);
        let files = [first.as_str(), second.as_str()];
        assert_eq!(find(&files, "quay.io/team/app:1").await.unwrap(), user("bob", "pass:word"));
        assert_eq!(find(&files, "quay.io/teammate/app").await.unwrap(), user("alice", "s3cret"));
        assert_eq!(find(&files, "r.example:5000/x").await.unwrap(), user("carol", "x"));
        assert_eq!(find(&files, "r.example/x").await.unwrap(), None);
    }

    #[tokio::test]
    async fn identity_tokens_and_separate_fields_are_read() {
        let file = r#"{"auths":{"a.example":{"auth":"","identitytoken":"tok"},"b.example":{"username":"u","password":"p"}}}"#;
        assert_eq!(
            find(&[file], "a.example/x").await.unwrap(),
            Some(Credentials::IdentityToken("tok".into()))
        );
        assert_eq!(find(&[file], "b.example/x").await.unwrap(), user("u", "p"));
    }

    #[tokio::test]
    async fn null_is_as_good_as_nothing() {
        for text in [
            "null",
            r#"{"auths":null,"credsStore":null,"credHelpers":null}"#,
            r#"{"auths":{"a.example":null},"credHelpers":{"a.example":null}}"#,
            r#"{"auths":{"a.example":{"auth":null,"username":null,"password":null,"identitytoken":null}}}"#,
        ] {
            assert_eq!(find(&[text], "a.example/x").await.unwrap(), None, "{text}");
        }
        let file =
            format!(r#"{{"auths":{{"a.example":null,"https://a.example":{ALICE}}},"credHelpers":null}}"#);
        assert_eq!(find(&[&file], "a.example/x").await.unwrap(), user("alice", "s3cret"));
    }

    #[tokio::test]
    async fn an_array_is_no_object() {
        for text in [
            "[]",
            "[{},null,{}]",
            r#"{"auths":[]}"#,
            r#"{"auths":{"a.example":["s3cret","u","p","t"]}}"#,
            r#"{"auths":{"b.example":[]}}"#,
            r#"{"credHelpers":[]}"#,
        ] {
            let error = find(&[text], "a.example/x").await.unwrap_err();
            assert!(error.to_string().contains("line 1") && !error.to_string().contains("s3cret"), "{text}");
        }
    }

    #[tokio::test]
    async fn of_equivalent_keys_the_exact_one_wins_and_then_the_first() {
        let (http, https) =
            (format!(r#""http://a.example":{BOB}"#), format!(r#""https://a.example":{CAROL}"#));
        for _ in 0..10 {
            let file = format!(r#"{{"auths":{{{https},{http},"a.example/v1/":{ALICE}}}}}"#);
            assert_eq!(find(&[&file], "a.example/x").await.unwrap(), user("alice", "s3cret"));
            let file = format!(r#"{{"auths":{{{https},{http}}}}}"#);
            assert_eq!(find(&[&file], "a.example/x").await.unwrap(), user("bob", "pass:word"));
            let file = format!(r#"{{"auths":{{{http},{https},"a.example":{ALICE}}}}}"#);
            assert_eq!(find(&[&file], "a.example/x").await.unwrap(), user("alice", "s3cret"));
        }
    }

    #[tokio::test]
    async fn a_broken_file_is_named_and_its_secrets_are_not() {
        for (file, complaint) in [
            (r#"{"auths": "s3cret"}"#, "line 1"),
            (r#"{"auths":{"a.example":{"auth":"s3cret!"}}}"#, "base64 of user:password"),
            (r#"{"credsStore":"../evil"}"#, "no name of a credential helper"),
            (r#"{"credsStore":"workson-has-no-such-helper"}"#, "could not be run"),
        ] {
            let error = find(&[file], "a.example/x").await.unwrap_err();
            let text = format!("{error} {}", error.hint().unwrap_or_default());
            assert_eq!(error.kind(), Kind::Credentials);
            assert!(text.contains(complaint) && !text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?} {:?}", user("u", "s3cret"), Credentials::IdentityToken("s3cret".into()));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
