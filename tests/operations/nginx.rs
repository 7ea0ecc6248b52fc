//! nginx in front of a service, by the very file that operators are given.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::cli_support::{PATIENCE, until};
use crate::parts;
use crate::parts::certificates::Authority;

/// The name that the file has.
pub(crate) const NAME: &str = "workson.example";

/// A proxy that is under way.
pub(crate) struct Nginx {
    child: Child,
    folder: TempDir,
    authority: Authority,
    pub(crate) plain_port: u16,
    pub(crate) port: u16,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) status: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Ports that are free now.
pub(crate) fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

impl Nginx {
    /// In front of the service at `address`, on these ports: without TLS and with it.
    pub(crate) fn start(address: &str, [plain_port, port]: [u16; 2]) -> Nginx {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let (certificate, key) = authority.server(&format!("DNS:{NAME}"));
        let path = |path: &Path| path.display().to_string();
        let here = path(folder.path());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nginx/workson.conf");
        let mut text = std::fs::read_to_string(file).unwrap();
        for (from, to) in [
            ("server 127.0.0.1:8017;", format!("server {address};")),
            ("listen 80;", format!("listen 127.0.0.1:{plain_port};")),
            ("listen [::]:80;", String::new()),
            ("listen 443 ssl http2;", format!("listen 127.0.0.1:{port} ssl http2;")),
            ("listen [::]:443 ssl http2;", String::new()),
            ("/etc/letsencrypt/live/workson.example/fullchain.pem", path(&certificate)),
            ("/etc/letsencrypt/live/workson.example/privkey.pem", path(&key)),
            ("/var/log/nginx/", format!("{here}/")),
            ("/var/www/html", format!("{here}/html")),
        ] {
            assert_eq!(text.matches(from).count(), 1, "{from} in {file}");
            text = text.replace(from, &to);
        }
        std::fs::write(folder.path().join("workson.conf"), text).unwrap();
        let kept: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {here}/{what};\n"))
            .concat();
        let whole = format!(
            "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log {here}/error.log warn;\n\
             events {{}}\nhttp {{\naccess_log {here}/access.log;\n{kept}include {here}/workson.conf;\n}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), whole).unwrap();
        // Debian has it where not everybody looks.
        let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).arg("-e").arg(folder.path().join("error.log"));
        command.arg("-c").arg(folder.path().join("nginx.conf"));
        let child = parts::started("nginx", command.stdin(Stdio::null()).spawn());
        let nginx = Nginx { child, folder, authority, plain_port, port };
        until("nginx", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        nginx
    }

    /// The site's origin.
    pub(crate) fn origin(&self) -> String {
        format!("https://{NAME}:{}", self.port)
    }

    /// Fetches an address by curl, from an address of this machine.
    pub(crate) fn fetch(&self, from: &str, url: &str, arguments: &[&str]) -> Fetched {
        let (head, body) = (self.folder.path().join("head"), self.folder.path().join("body"));
        let _ = std::fs::remove_file(&body);
        let mut command = Command::new("curl");
        command.env_clear().args(["--silent", "--show-error", "--noproxy", "*", "--interface", from]);
        command.args(["--max-time", &PATIENCE.as_secs().to_string()]);
        for port in [self.plain_port, self.port] {
            command.args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")]);
        }
        command.arg("--cacert").arg(self.authority.certificate());
        command.arg("--dump-header").arg(&head).arg("--output").arg(&body);
        command.args(["--write-out", "%{http_version} %{http_code}"]).args(arguments).arg(url);
        let status = String::from_utf8(parts::run("curl", &mut command, b"")).unwrap();
        Fetched {
            status,
            head: std::fs::read_to_string(&head).unwrap().to_ascii_lowercase(),
            body: std::fs::read(&body).unwrap_or_default(),
        }
    }

    /// All that it wrote down of who was here.
    pub(crate) fn written(&self) -> String {
        ["access.log", "error.log", "workson.error.log"]
            .map(|name| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
