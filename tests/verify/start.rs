//! Starting what an image would start: in its own root, by the kernel or by qemu's user emulation.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::compile::Bench;
use super::image::Image;
use crate::parts;

/// What engines take where an image sets no `PATH`.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What came of starting an image.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Outcome {
    /// Whether the program got as far as to say so.
    pub(crate) fn started(&self) -> bool {
        self.said.lines().any(|line| line == "started")
    }
}

/// The emulator for a platform, and the processor that it is told to be; none where this machine's own kernel does it.
fn emulator(platform: &str) -> Option<(&'static str, Option<&'static str>)> {
    Some(match platform {
        "linux/amd64" if cfg!(target_arch = "x86_64") => return None,
        "linux/amd64" => ("qemu-x86_64-static", None),
        "linux/386" => ("qemu-i386-static", None),
        "linux/arm64" | "linux/arm64/v8" => ("qemu-aarch64-static", None),
        "linux/arm/v5" => ("qemu-arm-static", Some("arm926")),
        "linux/arm/v6" => ("qemu-arm-static", Some("arm1176")),
        "linux/arm/v7" => ("qemu-arm-static", Some("cortex-a7")),
        "linux/riscv64" => ("qemu-riscv64-static", None),
        "linux/ppc64le" => ("qemu-ppc64le-static", None),
        "linux/s390x" => ("qemu-s390x-static", None),
        _ => panic!("there is no machine for {platform} here"),
    })
}

/// The root file system of an image, on disk.
pub(crate) struct Root(TempDir);

impl Root {
    /// Unpacks the layers in order, whiteouts first. The crate `tar` lets no entry out of the root.
    pub(crate) fn of(image: &Image) -> Root {
        let root = tempfile::tempdir().unwrap();
        for layer in &image.layers {
            for path in names(&layer.tar) {
                let Some(name) = path.file_name().map(|name| name.to_str().unwrap()) else { continue };
                let Some(folder) = root.path().join(path.parent().unwrap()).canonicalize().ok() else {
                    continue;
                };
                assert!(folder.starts_with(root.path()), "{} leads out of the root", path.display());
                if name == ".wh..wh..opq" {
                    for entry in std::fs::read_dir(&folder).unwrap() {
                        remove(&entry.unwrap().path());
                    }
                } else if let Some(gone) = name.strip_prefix(".wh.") {
                    remove(&folder.join(gone));
                }
            }
            let mut archive = tar::Archive::new(&layer.tar[..]);
            for entry in archive.entries().unwrap() {
                let mut entry = entry.unwrap();
                let path = entry.path().unwrap().into_owned();
                if path.file_name().is_none_or(|name| name.to_str().unwrap().starts_with(".wh.")) {
                    continue;
                }
                // As engines do: a folder takes the place of a file, and anything else that of a folder.
                let there: PathBuf = root.path().join(&path).components().collect();
                let is_folder = entry.header().entry_type().is_dir();
                if there.symlink_metadata().is_ok_and(|found| !(found.is_dir() && is_folder)) {
                    remove(&there);
                }
                assert!(entry.unpack_in(root.path()).unwrap(), "{} leads out of the root", path.display());
            }
        }
        Root(root)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Starts what the image starts, on a machine of this platform.
    pub(crate) fn start(&self, image: &Image, platform: &str) -> Outcome {
        let words = |name: &str| -> Vec<String> {
            let list = image.config[name].as_array().cloned().unwrap_or_default();
            list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let arguments = [words("Entrypoint"), words("Cmd")].concat();
        let folder = image.config["WorkingDir"].as_str().filter(|text| !text.is_empty()).unwrap_or("/");
        let mut launcher = vec![launcher().as_os_str().to_owned()];
        launcher.extend([self.path().as_os_str().to_owned(), folder.into()]);
        if let Some((program, processor)) = emulator(platform) {
            let (from, own) = (PathBuf::from("/usr/bin").join(program), self.path().join(".emulator"));
            std::fs::copy(&from, &own)
                .unwrap_or_else(|error| panic!("{}: {error}: see tests/install.sh", from.display()));
            launcher.push("/.emulator".into());
            launcher.extend(processor.map(|name| ["-cpu".into(), name.into()]).into_iter().flatten());
        }
        launcher.push("--".into());
        launcher.extend(arguments.iter().map(Into::into));
        // Only root may go into another root, but anybody may become root of a namespace.
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            launcher.splice(0..0, ["/usr/bin/unshare".into(), "--map-root-user".into()]);
        }
        let mut command = Command::new(&launcher[0]);
        command.args(&launcher[1..]).env_clear().envs([PATH.split_once('=').unwrap()]);
        for pair in words("Env") {
            let (name, value) = pair.split_once('=').unwrap();
            command.env(name, value);
        }
        let output = parts::output("the launcher", &mut command, b"");
        let said = [output.stdout, output.stderr].concat();
        Outcome { code: output.status.code(), said: String::from_utf8_lossy(&said).into_owned() }
    }
}

fn names(tar: &[u8]) -> Vec<PathBuf> {
    let mut archive = tar::Archive::new(tar);
    archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect()
}

fn remove(path: &Path) {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path).unwrap(),
        Ok(_) => std::fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Starts an image on a machine of the platform that its label names.
pub(crate) fn start(image: &Image) -> Outcome {
    Root::of(image).start(image, &image.label)
}

/// The words of a finding: its weight, rule, file and layer.
pub(crate) fn finding(of: &Value) -> (&str, &str, Option<&str>, Option<u64>) {
    let text = |name: &str| of[name].as_str().unwrap();
    (text("weight"), text("rule"), of["file"].as_str(), of["layer"].as_u64())
}

/// A program that goes into a root and starts a command there as engines do: a name without a slash is looked for in
/// `PATH`, the first file that may be executed is taken, and what the kernel refuses is not tried in another way.
const LAUNCHER: &str = r#"
    #include <errno.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/stat.h>
    #include <unistd.h>
    extern char **environ;
    /* What has just been written is busy for as long as another thread's program, on its start, has it open too. */
    static void start(const char *path, char **words) {
        for (int tries = 0; tries < 1000; tries++) {
            execve(path, words, environ);
            if (errno != ETXTBSY) return;
            usleep(10000);
        }
    }
    static int fits(const char *path) {
        struct stat found;
        return !stat(path, &found) && S_ISREG(found.st_mode) && (found.st_mode & 0111);
    }
    /* ROOT FOLDER [EMULATOR…] -- NAME ARGUMENT… */
    int main(int count, char **words) {
        char **emulator = words + 3, **command = emulator, buffer[4096];
        const char *path = 0;
        while (strcmp(*command, "--")) command++;
        command++;
        if (chroot(words[1]) || chdir(words[2])) { perror("chroot"); return 125; }
        if (strchr(*command, '/')) path = *command;
        else {
            char *folders = strdup(getenv("PATH")), *folder;
            while (!path && (folder = strsep(&folders, ":"))) {
                snprintf(buffer, sizeof buffer, "%s/%s", *folder ? folder : ".", *command);
                if (fits(buffer)) path = buffer;
            }
        }
        if (!path || !fits(path)) { fprintf(stderr, "%s: nothing to execute\n", *command); return 127; }
        if (command == emulator + 1) start(path, command);
        else {
            char **all = calloc(count + 1, sizeof *all), **next = all;
            for (char **word = emulator; word < command - 1; word++) *next++ = *word;
            *next++ = (char *)path;
            for (char **word = command + 1; *word; word++) *next++ = *word;
            start(*all, all);
        }
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 126;
    }"#;

/// The launcher, compiled once.
fn launcher() -> &'static Path {
    static LAUNCHER_FILE: OnceLock<(Bench, PathBuf)> = OnceLock::new();
    &LAUNCHER_FILE
        .get_or_init(|| {
            let bench = Bench::new();
            let path = bench.path().join("launcher");
            let mut compiler = Command::new("cc");
            compiler.args(["-x", "c", "-", "-o"]).arg(&path);
            parts::run("cc", &mut compiler, LAUNCHER.as_bytes());
            (bench, path)
        })
        .1
}
