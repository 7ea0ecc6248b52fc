//! Debian's compilers: what they make for each machine, and the libraries that belong to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::image::Files;
use crate::parts;

/// A program that says that it started.
pub(crate) const STARTED: &str = "#include <stdio.h>\nint main(void) { puts(\"started\"); return 0; }\n";

/// A machine that there is a compiler for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) platform: &'static str,
    gcc: &'static str,
    /// Where its programs have their loader, without the first slash.
    pub(crate) loader: &'static str,
}

pub(crate) const ARM64: Machine =
    Machine { platform: "linux/arm64", gcc: "aarch64-linux-gnu-gcc", loader: "lib/ld-linux-aarch64.so.1" };
pub(crate) const ARMHF: Machine =
    Machine { platform: "linux/arm/v7", gcc: "arm-linux-gnueabihf-gcc", loader: "lib/ld-linux-armhf.so.3" };
pub(crate) const ARMEL: Machine =
    Machine { platform: "linux/arm/v5", gcc: "arm-linux-gnueabi-gcc", loader: "lib/ld-linux.so.3" };
pub(crate) const RISCV64: Machine = Machine {
    platform: "linux/riscv64",
    gcc: "riscv64-linux-gnu-gcc",
    loader: "lib/ld-linux-riscv64-lp64d.so.1",
};
pub(crate) const AMD64: Machine =
    Machine { platform: "linux/amd64", gcc: "x86_64-linux-gnu-gcc", loader: "lib64/ld-linux-x86-64.so.2" };
pub(crate) const I386: Machine =
    Machine { platform: "linux/386", gcc: "i686-linux-gnu-gcc", loader: "lib/ld-linux.so.2" };
pub(crate) const PPC64LE: Machine =
    Machine { platform: "linux/ppc64le", gcc: "powerpc64le-linux-gnu-gcc", loader: "lib64/ld64.so.2" };
/// The one whose bytes stand the other way round.
pub(crate) const S390X: Machine =
    Machine { platform: "linux/s390x", gcc: "s390x-linux-gnu-gcc", loader: "lib/ld64.so.1" };
/// amd64 with musl in the place of glibc.
pub(crate) const MUSL: Machine =
    Machine { platform: "linux/amd64", gcc: "musl-gcc", loader: "lib/ld-musl-x86_64.so.1" };

pub(crate) const GLIBC: [Machine; 8] = [ARM64, ARMHF, ARMEL, RISCV64, AMD64, I386, PPC64LE, S390X];

/// A folder to compile in.
pub(crate) struct Bench(TempDir);

impl Bench {
    pub(crate) fn new() -> Bench {
        Bench(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Compiles `source` into the file `name`; its bytes.
    pub(crate) fn compile(&self, machine: Machine, name: &str, source: &str, flags: &[&str]) -> Vec<u8> {
        let mut command = Command::new(machine.gcc);
        // What is linked, libraries among it, comes behind the source.
        command.args(["-O1", "-x", "c", "-", "-x", "none", "-o", name]).args(flags).current_dir(self.path());
        parts::run(machine.gcc, &mut command, source.as_bytes());
        std::fs::read(self.path().join(name)).unwrap()
    }

    /// A file of this bench.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }
}

impl Machine {
    /// Compiles `source` alone.
    pub(crate) fn compile(self, source: &str, flags: &[&str]) -> Vec<u8> {
        Bench::new().compile(self, "program", source, flags)
    }

    /// [`STARTED`], with nothing that it needs from elsewhere.
    pub(crate) fn fixed(self) -> Vec<u8> {
        self.compile(STARTED, &["-static"])
    }

    /// [`STARTED`], which needs a loader and the C library.
    pub(crate) fn dynamic(self) -> Vec<u8> {
        self.compile(STARTED, &[])
    }

    /// A library that belongs to the compiler.
    pub(crate) fn library(self, name: &str) -> Vec<u8> {
        let mut command = Command::new(self.gcc);
        let said = parts::run(self.gcc, command.arg(format!("-print-file-name={name}")), b"");
        let path = PathBuf::from(String::from_utf8(said).unwrap().trim());
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The name of the file that is its loader.
    pub(crate) fn loader_name(self) -> &'static str {
        self.loader.rsplit('/').next().unwrap()
    }

    /// The loader's bytes.
    pub(crate) fn loader_bytes(self) -> Vec<u8> {
        if self.loader_name().starts_with("ld-musl") {
            // musl's loader is its C library; it has no other name that its compiler tells.
            let path = PathBuf::from("/").join(self.loader);
            return std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        self.library(self.loader_name())
    }

    /// Adds the loader and the C library at their usual places.
    pub(crate) fn runtime(self, files: Files) -> Files {
        let files = files.program(self.loader, &self.loader_bytes());
        if self.loader_name().starts_with("ld-musl") {
            return files;
        }
        files.program("lib/libc.so.6", &self.library("libc.so.6"))
    }
}
