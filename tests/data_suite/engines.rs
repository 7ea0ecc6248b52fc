//! Engines take what `workson assemble` pushes: podman and dockerd run Alpine on each of its eight platforms, by qemu's
//! user emulation, which is put into the container as its program.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::parts::docker_registry::DockerRegistry;
use super::parts::skopeo::Skopeo;
use super::parts::user::User;
use super::parts::{output, run, started};
use super::{ALPINE, data};

/// How long dockerd may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// Alpine for eight platforms in a registry, and its reference there.
struct Scene {
    _registry: DockerRegistry,
    _storage: TempDir,
    reference: String,
}

impl Scene {
    fn new() -> Scene {
        let storage = tempfile::tempdir().unwrap();
        let registry = DockerRegistry::open(storage.path());
        let reference = registry.reference("library/alpine:3.20.3");
        let release = data("alpine-3.20.3").display().to_string();
        User::new().workson(&["assemble", "alpine", "--release", &release, "--push", &reference]).exits(0);
        Scene { _registry: registry, _storage: storage, reference }
    }
}

/// The emulator for a platform, and what `uname -m` says under it.
fn machine(platform: &str) -> (&'static str, &'static str) {
    match platform {
        "linux/amd64" => ("x86_64", "x86_64"),
        "linux/386" => ("i386", "i686"),
        "linux/arm64" | "linux/arm64/v8" => ("aarch64", "aarch64"),
        // As which processor it shows itself is qemu's choice.
        "linux/arm/v6" | "linux/arm/v7" => ("arm", "armv7l"),
        "linux/ppc64le" => ("ppc64le", "ppc64le"),
        "linux/riscv64" => ("riscv64", "riscv64"),
        "linux/s390x" => ("s390x", "s390x"),
        _ => panic!("there is no emulator for {platform} here"),
    }
}

/// Runs each platform's image with `engine`, which is given what stands between `run` and the image's name.
fn run_all(reference: &str, engine: impl Fn(&[&str]) -> Command) {
    for (_, platform) in ALPINE {
        let (emulator, says) = machine(platform);
        let mount = format!("/usr/bin/qemu-{emulator}-static:/emulator:ro");
        let arguments = [
            "--rm",
            "--pull=always",
            "--platform",
            platform,
            "--volume",
            &mount,
            "--entrypoint",
            "/emulator",
        ];
        let mut command = engine(&[&arguments, &[reference, "/bin/busybox", "uname", "-m"][..]].concat());
        let said = String::from_utf8(run("the engine", &mut command, b"")).unwrap();
        assert_eq!(said.trim(), says, "{platform}");
        // It is the image for that platform: apk tells what it was built for.
        let mut command =
            engine(&[&arguments, &[reference, "/bin/busybox", "cat", "/etc/apk/arch"][..]].concat());
        let said = String::from_utf8(run("the engine", &mut command, b"")).unwrap();
        let name = ALPINE.iter().find(|(_, other)| *other == platform).unwrap().0;
        assert_eq!(said.trim(), name, "{platform}");
    }
}

#[test]
fn podman_runs_alpine_on_each_of_its_platforms() {
    let (scene, home) = (Scene::new(), tempfile::tempdir().unwrap());
    let podman = |what: &str, arguments: &[&str]| {
        let mut podman = Command::new("podman");
        podman.arg("--root").arg(home.path().join("root")).arg("--runroot").arg(home.path().join("run"));
        podman.args(["--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager", "cgroupfs", what]);
        podman.args(["--tls-verify=false", "--network=host"]);
        podman.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]).args(arguments);
        podman.env("HOME", home.path());
        podman
    };
    run_all(&scene.reference, |arguments| podman("run", arguments));
    let absent = ["--rm", "--pull=always", "--platform", "linux/mips64le", &scene.reference, "true"];
    let refused = output("podman", &mut podman("run", &absent), b"");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("no image found in image index"), "{said}");
}

#[test]
fn what_podman_and_buildah_push_is_copied_and_pulled_bit_for_bit() {
    let (storage, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (registry, skopeo, user) = (DockerRegistry::open(storage.path()), Skopeo::new(), User::new());
    let root =
        data("alpine-3.20.3").join("x86_64/alpine-minirootfs-3.20.3-x86_64.tar.gz").display().to_string();
    let store = |program: &str| {
        let mut command = Command::new(program);
        command.arg("--root").arg(home.path().join("root")).arg("--runroot").arg(home.path().join("run"));
        command.args(["--storage-driver", "vfs"]).env("HOME", home.path());
        command
    };
    let one = |program: &str, arguments: &[&str]| {
        let said = run(program, store(program).args(arguments), b"");
        String::from_utf8(said).unwrap().lines().last().unwrap_or_default().to_owned()
    };
    let target = |name: &str| format!("docker://{}", registry.reference(name));
    one("podman", &["import", "--change", "CMD=/bin/sh", &root, "it"]);
    one("podman", &["push", "--tls-verify=false", "it", &target("podman:oci")]);
    one("podman", &["push", "--tls-verify=false", "--format", "v2s2", "it", &target("podman:docker")]);
    one(
        "podman",
        &["push", "--tls-verify=false", "--compression-format", "zstd", "it", &target("podman:zstd")],
    );
    let container = one("buildah", &["from", "scratch"]);
    one("buildah", &["add", &container, &root, "/"]);
    one("buildah", &["config", "--cmd", "/bin/sh", &container]);
    one("buildah", &["commit", &container, "built"]);
    one("buildah", &["push", "--tls-verify=false", "built", &target("buildah:oci")]);
    for name in ["podman:oci", "podman:docker", "podman:zstd", "buildah:oci"] {
        let (from, to) = (registry.reference(name), registry.reference(&format!("copy/{name}")));
        user.workson(&["copy", &from, &to]).exits(0);
        assert_eq!(skopeo.raw(&to), skopeo.raw(&from), "{name}");
        let folder = home.path().join(name.replace(':', "-"));
        let place = format!("oci:{}", folder.display());
        user.workson(&["pull", &from, "--all-platforms", "--to", &place]).exits(0);
        let raw = run("skopeo", Command::new("skopeo").args(["inspect", "--raw", &place]), b"");
        assert_eq!(raw, skopeo.raw(&from), "{name}");
        // Every blob is there under its digest, and has it.
        let mut count = 0;
        for blob in std::fs::read_dir(folder.join("blobs/sha256")).unwrap() {
            let path = blob.unwrap().path();
            let digest = workson_oci::Digest::sha256(&std::fs::read(&path).unwrap());
            assert_eq!(digest.hex(), path.file_name().unwrap().to_str().unwrap(), "{name}");
            count += 1;
        }
        assert_eq!(count, 3, "{name}: a manifest, a config, a layer");
    }
}

/// dockerd, until it is dropped.
struct Dockerd {
    process: Child,
    folder: TempDir,
}

impl Dockerd {
    fn start() -> Dockerd {
        let folder = tempfile::tempdir().unwrap();
        let config = r#"{"default-ulimits":{"nofile":{"Name":"nofile","Hard":1024,"Soft":1024}},
                         "insecure-registries":["127.0.0.0/8"]}"#;
        std::fs::write(folder.path().join("daemon.json"), config).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut dockerd = Command::new("dockerd");
        dockerd.args(["--iptables=false", "--ip-masq=false", "--bridge=none", "--storage-driver=vfs"]);
        dockerd.args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")]);
        dockerd.args(["--host", &format!("unix://{}", at("sock")), "--config-file", &at("daemon.json")]);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        dockerd.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut dockerd = Dockerd { process: started("dockerd", dockerd.spawn()), folder };
        let begun = Instant::now();
        while !output("docker", &mut dockerd.docker(&["version"]), b"").status.success() {
            let log = std::fs::read_to_string(dockerd.folder.path().join("log")).unwrap();
            let ended = dockerd.process.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "dockerd does not start:\n{log}");
            std::thread::sleep(Duration::from_millis(200));
        }
        dockerd
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let socket = self.folder.path().join("sock");
        let mut docker = Command::new("docker");
        docker.arg("--host").arg(format!("unix://{}", socket.display())).args(arguments);
        docker.env("HOME", self.folder.path());
        docker
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // It ends what it started where it is asked to end.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[test]
fn docker_runs_alpine_on_each_of_its_platforms() {
    assert!(Path::new("/usr/sbin/dockerd").exists(), "dockerd is missing: see tests/engines.sh");
    let (scene, dockerd) = (Scene::new(), Dockerd::start());
    run_all(&scene.reference, |arguments| dockerd.docker(&[&["run", "--network=none"], arguments].concat()));
    let absent = ["pull", "--platform", "linux/mips64le", &scene.reference];
    let refused = output("docker", &mut dockerd.docker(&absent), b"");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("no matching manifest for linux/mips64le"), "{said}");
}
