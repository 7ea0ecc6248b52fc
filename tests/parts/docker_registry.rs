//! Debian's `docker-registry` (distribution 2.8).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{http, started};

/// How long the registry may take to begin, and to write its log.
const PATIENCE: Duration = Duration::from_secs(20);

/// A registry that runs until it is dropped. What it stores outlives it, in a folder that the test keeps.
pub(crate) struct DockerRegistry {
    process: Child,
    folder: TempDir,
    host: String,
}

/// A request as the registry's access log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u16,
}

impl DockerRegistry {
    /// A registry that anybody may read and write, in plain HTTP.
    pub(crate) fn open(storage: &Path) -> DockerRegistry {
        DockerRegistry::start(storage, "", "")
    }

    /// A registry that wants one of the users of `htpasswd`, in TLS with this certificate and its key.
    pub(crate) fn with_htpasswd(storage: &Path, htpasswd: &Path, certificate: &Path, key: &Path) -> Self {
        let tls = format!(
            "  tls: {{certificate: {}, key: {}, minimumtls: tls1.2}}\n",
            certificate.display(),
            key.display()
        );
        let auth = format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", htpasswd.display());
        DockerRegistry::start(storage, &tls, &auth)
    }

    /// A registry, in plain HTTP, that wants tokens of the service at `realm`, signed for `certificate`.
    pub(crate) fn with_tokens(storage: &Path, realm: &str, certificate: &Path) -> DockerRegistry {
        let auth = format!(
            "auth: {{token: {{realm: \"{realm}\", service: {}, issuer: {}, rootcertbundle: {}}}}}\n",
            super::token_server::SERVICE,
            super::token_server::ISSUER,
            certificate.display()
        );
        DockerRegistry::start(storage, "", &auth)
    }

    fn start(storage: &Path, tls: &str, auth: &str) -> DockerRegistry {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yml");
        let text = format!(
            "version: 0.1\n\
             log: {{level: info, accesslog: {{disabled: false}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
             http:\n  addr: 127.0.0.1:0\n  secret: of this test\n{tls}{auth}",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdin(Stdio::null());
        command.stdout(File::create(folder.path().join("access.log")).unwrap());
        command.stderr(File::create(folder.path().join("registry.log")).unwrap());
        super::user::at_home(&mut command, folder.path());
        let process = started("docker-registry", command.spawn());
        let mut registry = DockerRegistry { process, folder, host: String::new() };
        registry.host = registry.wait_for_its_address();
        registry
    }

    /// The registry takes a free port by itself, and says which.
    fn wait_for_its_address(&mut self) -> String {
        let begun = Instant::now();
        loop {
            let log = std::fs::read_to_string(self.log("registry.log")).unwrap();
            let said = log.split_once("listening on ").map(|(_, rest)| rest);
            if let Some(address) = said.and_then(|rest| rest.split(['"', ',']).next()) {
                return address.to_owned();
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "docker-registry does not start:\n{log}");
            sleep(Duration::from_millis(10));
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Address and port: what stands in front of a repository.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// `127.0.0.1:41234/name`.
    pub(crate) fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Every request that `workson` sent so far, as the registry logged it. For a registry in plain HTTP.
    pub(crate) fn requests(&self) -> Vec<Logged> {
        // The log is written when a request is done, so it is complete once it has a later one.
        let begun = Instant::now();
        let marker = format!("/v2/marker-{}/", begun.elapsed().as_nanos());
        let seen = self.lines().iter().filter(|line| line.contains("\"marker\"")).count();
        http::request(&self.host, "GET", &marker, &[("User-Agent", "marker")], b"");
        loop {
            let lines = self.lines();
            if lines.iter().filter(|line| line.contains("\"marker\"")).count() > seen {
                return lines.iter().filter_map(|line| logged(line)).collect();
            }
            assert!(begun.elapsed() < PATIENCE, "the registry's access log does not go on");
            sleep(Duration::from_millis(5));
        }
    }

    fn lines(&self) -> Vec<String> {
        std::fs::read_to_string(self.log("access.log")).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads a line of the combined log format, if the request was `workson`'s.
fn logged(line: &str) -> Option<Logged> {
    let fields: Vec<&str> = line.split('"').collect();
    let [_, request, result, _, _, agent, ..] = fields.as_slice() else { return None };
    if !agent.starts_with("workson/") {
        return None;
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Logged { method, path, status: result.split_whitespace().next()?.parse().ok()? })
}

/// How many of `requests` asked for a manifest in this way and were answered so.
pub(crate) fn manifests(requests: &[Logged], method: &str, status: u16) -> usize {
    let is_one = |request: &&Logged| {
        request.method == method && request.status == status && request.path.contains("/manifests/")
    };
    requests.iter().filter(is_one).count()
}
