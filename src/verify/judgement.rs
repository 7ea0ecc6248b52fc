//! The verdict on an image for one platform, with its reasons.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use workson_oci::Platform;

use super::binary::Machine;
use super::binary::elf::{Elf, FloatAbi};
use super::layer::{Content, File};
use super::linking::{Fault, Linked, described, is_library, link, told};
use super::startup::{Command, Obstacle, Program, Role, Startup, follow};
use super::tree::{Found, Missing, Tree};
use super::windows;
use crate::evidence::Verdict;

/// How many files of another machine are named; all are counted.
const NAMED: usize = 20;

/// What a finding means for the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It is worth knowing, and decides nothing.
    Note,
    /// It may keep the image from working on some machines.
    Warning,
    /// Because of it, it can't be told.
    Unknown,
    /// Because of it, the image does not start there.
    No,
}

impl Weight {
    /// The name in output.
    pub fn name(self) -> &'static str {
        match self {
            Weight::Note => "note",
            Weight::Warning => "warning",
            Weight::Unknown => "unknown",
            Weight::No => "no",
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it means.
    pub weight: Weight,
    /// A stable name of its kind, like `wrong-machine`.
    pub rule: &'static str,
    /// The file that it is about, with a slash at its beginning.
    pub file: Option<String>,
    /// The layer that the file comes from, counted from 0.
    pub layer: Option<usize>,
    /// A sentence.
    pub reason: String,
}

/// What was found, and with it the verdict.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// What was found, the weightiest first.
    findings: Vec<Finding>,
    /// How many binaries there are for each machine.
    pub machines: BTreeMap<String, u64>,
    /// The real paths of all that would run, libraries included.
    pub runs: Vec<String>,
    /// The highest version of glibc that what would run needs, and that which is there.
    pub glibc: Option<(String, Option<String>)>,
    /// The x86-64 level that what would run declares to need.
    pub x86_level: Option<u8>,
    /// The smallest alignment of the segments that would be loaded, in bytes.
    pub alignment: Option<u64>,
}

impl Judgement {
    /// What was found, the weightiest first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether it works there: as the weightiest finding says.
    pub fn verdict(&self) -> Verdict {
        match self.findings.first() {
            Some(finding) if finding.weight == Weight::No => Verdict::No,
            Some(finding) if finding.weight == Weight::Unknown => Verdict::Unknown(finding.reason.clone()),
            _ => Verdict::Yes,
        }
    }

    /// The same with what was found before, which comes first among what is as weighty.
    #[must_use]
    pub(super) fn after(mut self, mut before: Vec<Finding>) -> Judgement {
        before.append(&mut self.findings);
        before.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        Judgement { findings: before, ..self }
    }

    /// The same where a part of the file system was not read: what is missing may be in it, and what is there may be
    /// replaced by it, so nothing is certain.
    #[must_use]
    pub(super) fn of_a_part(mut self) -> Judgement {
        // What the config says is not in the file system.
        let follows = |finding: &&mut Finding| finding.weight > Weight::Note && finding.rule != "no-command";
        for finding in self.findings.iter_mut().filter(follows) {
            finding.weight = finding.weight.min(Weight::Unknown);
            finding.reason =
                format!("a part of the file system was not read; in what was read, {}", finding.reason);
        }
        self
    }
}

/// A path as people write it.
pub fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    if text.starts_with('/') { text.into_owned() } else { format!("/{text}") }
}

/// Judges the file system `tree`, started as `command` says, for `platform`.
pub fn judge(platform: &Platform, command: &Command, tree: &Tree) -> Judgement {
    let mut judging = Judging {
        platform: platform.normalized(),
        tree,
        findings: Vec::new(),
        runs: BTreeSet::new(),
        linked: Linked::default(),
        x86_level: None,
        alignment: None,
    };
    let mut is_partly_followed = false;
    if judging.platform.os == "windows" {
        judging.windows(command);
    } else {
        let startup = follow(tree, command);
        is_partly_followed = startup.is_partly_followed;
        judging.obstacles(&startup);
        for program in &startup.programs {
            judging.program(program, command);
        }
    }
    let machines = judging.others(is_partly_followed);
    judging.alignment();
    judging.level();
    judging.findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    let number = |version: (u32, u32)| format!("{}.{}", version.0, version.1);
    let glibc =
        judging.linked.glibc_needed.map(|needed| (number(needed), judging.linked.glibc_given.map(number)));
    Judgement {
        findings: judging.findings,
        machines,
        runs: judging.runs.iter().map(|path| shown(path)).collect(),
        glibc,
        x86_level: judging.x86_level,
        alignment: judging.alignment,
    }
}

/// The machine that a platform's binaries are for; none for a platform of which that is not known.
fn machine(platform: &Platform) -> Option<Machine> {
    Some(match platform.architecture.as_str() {
        "386" => Machine::X86,
        "amd64" => Machine::X86_64,
        "arm" => Machine::Arm,
        "arm64" => Machine::Arm64,
        "riscv64" => Machine::Riscv64,
        "ppc64le" => Machine::Ppc64le,
        "ppc64" => Machine::Ppc64,
        "s390x" => Machine::S390x,
        "mips64le" => Machine::Mips64le,
        "loong64" => Machine::Loong64,
        _ => return None,
    })
}

/// Why a binary is not for a platform; none where it is.
fn misfit(platform: &Platform, elf: &Elf) -> Option<String> {
    let expected = machine(platform)?;
    if elf.machine != expected {
        return Some(format!("it is for {}, not for {}", described(elf), platform.architecture));
    }
    if expected != Machine::Arm {
        return None;
    }
    let generation: u8 = match platform.variant.as_str() {
        "v5" => 5,
        "v6" => 6,
        "" | "v7" => 7,
        _ => 8,
    };
    match elf.arm_architecture {
        Some(built) if built > generation => {
            Some(format!("it was built for armv{built}, and runs on no armv{generation}"))
        }
        _ if generation == 5 && elf.float_abi == Some(FloatAbi::Hard) => {
            Some("it passes floats in registers that armv5 does not have".into())
        }
        _ => None,
    }
}

/// Why it can't be told whether a binary is for a platform; none where it can.
///
/// Go's compiler, for one, writes no attributes: a program for armv7 does not differ from one for armv5 then.
fn doubt(platform: &Platform, elf: &Elf) -> Option<String> {
    let is_old = elf.machine == Machine::Arm && matches!(platform.variant.as_str(), "v5" | "v6");
    (is_old && elf.arm_architecture.is_none())
        .then(|| format!("it does not say which generation of arm it was built for: {}?", platform.variant))
}

/// Whether a program runs with other rights than those of whom the container is, where the engine allows that.
fn is_privileged(file: &File, command: &Command) -> bool {
    let user = command.user.split(':').next().unwrap_or_default();
    file.permissions.mode & 0o6000 != 0 && !["", "0", "root"].contains(&user)
}

/// A command without the variables that loaders do not look at where a program has other rights.
fn unaided(command: &Command) -> Command {
    let mut command = command.clone();
    command.environment.retain(|pair| !pair.starts_with("LD_"));
    command
}

struct Judging<'a> {
    platform: Platform,
    tree: &'a Tree,
    findings: Vec<Finding>,
    runs: BTreeSet<Vec<u8>>,
    linked: Linked,
    x86_level: Option<u8>,
    alignment: Option<u64>,
}

impl Judging<'_> {
    fn find(
        &mut self,
        weight: Weight,
        rule: &'static str,
        file: Option<(&[u8], Option<usize>)>,
        reason: String,
    ) {
        let layer = file.and_then(|(path, layer)| {
            layer.or_else(|| self.tree.resolve(path).ok().map(|(_, placed)| placed.layer))
        });
        let file = file.map(|(path, _)| shown(path));
        self.findings.push(Finding { weight, rule, file, layer, reason });
    }

    fn obstacles(&mut self, startup: &Startup) {
        for obstacle in &startup.obstacles {
            match obstacle {
                Obstacle::Nothing => {
                    self.find(Weight::Unknown, "no-command", None, "the image names nothing to start".into());
                }
                Obstacle::NoUser { reason } => self.find(Weight::No, "no-user", None, reason.clone()),
                Obstacle::TooLong => {
                    let reason = "its words and variables are longer than a kernel takes".into();
                    self.find(Weight::No, "too-long", None, reason);
                }
                Obstacle::NotThere { name, role, missing } => self.not_there(name, role, missing),
                Obstacle::NotFound { name, decides } => {
                    let weight = if *decides { Weight::Unknown } else { Weight::Warning };
                    let name = String::from_utf8_lossy(name);
                    let reason =
                        format!("a shell is to run {name}, which is not there, or may not be run as it is");
                    self.find(weight, "not-found", None, reason);
                }
                Obstacle::NoSplit { path, layer } => {
                    let reason = "a script gives it several words as one, which it does not split".into();
                    self.find(Weight::Unknown, "no-split", Some((path, Some(*layer))), reason);
                }
                Obstacle::Unread { path, layer, why } => {
                    self.find(Weight::Unknown, "unread", Some((path, Some(*layer))), (*why).to_owned());
                }
                Obstacle::NotReadable { path, layer } => {
                    let reason = "it is a script, and the user who runs it may not read it".into();
                    self.find(Weight::No, "not-readable", Some((path, Some(*layer))), reason);
                }
                Obstacle::NotExecutable { path, layer } => {
                    let reason =
                        "it is to be started, and may not be executed by the user who starts it".into();
                    self.find(Weight::No, "not-executable", Some((path, Some(*layer))), reason);
                }
                Obstacle::NoFormat { path, layer } => {
                    let reason = "it is to be started, and is neither a binary nor a script".into();
                    self.find(Weight::No, "no-format", Some((path, Some(*layer))), reason);
                }
                Obstacle::TooDeep { path } => {
                    let reason = "scripts start one another deeper than a kernel allows".into();
                    self.find(Weight::No, "scripts-too-deep", Some((path, None)), reason);
                }
            }
        }
    }

    /// Something that would run and is nowhere.
    fn not_there(&mut self, name: &[u8], role: &Role, missing: &Missing) {
        let (text, why) = (String::from_utf8_lossy(name), told(missing));
        let (file, reason) = match role {
            Role::Interpreter(script) => (Some(&script[..]), format!("its interpreter {text} {why}")),
            Role::Named(script) => (Some(&script[..]), format!("{text}, which is to run it, {why}")),
            // The file that a path names is said ahead of the reason.
            Role::Script if name.starts_with(b"/") => {
                (Some(name), format!("a shell is to read it, and it {why}"))
            }
            _ if name.starts_with(b"/") => (Some(name), format!("the image starts it, and it {why}")),
            Role::Script => (None, format!("{text}, which a shell is to read, {why}")),
            _ if name.contains(&b'/') => (None, format!("{text}, which the image starts, {why}")),
            _ => (None, format!("{text}, which the image starts, is in no folder of PATH")),
        };
        self.find(Weight::No, "not-there", file.map(|file| (file, None)), reason);
    }

    fn program(&mut self, program: &Program, command: &Command) {
        // What is only an argument, or one of a shell's commands, is most likely started, but may not be.
        let is_likely = matches!(program.role, Role::Argument | Role::Likely | Role::Perhaps);
        let weight = if is_likely { Weight::Unknown } else { Weight::No };
        self.runs.insert(program.path.clone());
        let at = Some((program.path.as_slice(), Some(program.layer)));
        let elf = match &program.file.content {
            Content::Elf(elf) => elf,
            Content::Pe(_) => {
                let reason = "it is a Windows program, and the platform is another".into();
                return self.find(weight, "wrong-format", at, reason);
            }
            _ => return,
        };
        if machine(&self.platform).is_none() {
            let reason = format!("what binaries of {} look like is not known", self.platform.architecture);
            return self.find(Weight::Unknown, "unknown-architecture", at, reason);
        }
        if let Some(reason) = misfit(&self.platform, elf) {
            return self.find(weight, "wrong-machine", at, reason);
        }
        // A library is an argument like any other file: nobody starts it.
        if is_likely && is_library(elf) {
            return;
        }
        if self.platform.os != "linux" {
            let reason = format!("what starts on {} is not known", self.platform.os);
            return self.find(Weight::Unknown, "unknown-system", at, reason);
        }
        let linked = link(self.tree, program, command);
        for fault in &linked.faults {
            self.fault(fault, weight);
        }
        if is_privileged(&program.file, command) {
            let faults = link(self.tree, program, &unaided(command)).faults;
            for fault in faults.iter().filter(|fault| !linked.faults.contains(fault)) {
                self.fault(fault, Weight::Unknown);
            }
        }
        for object in &linked.objects {
            if let Ok((_, file, layer)) = self.tree.file(object)
                && let Content::Elf(found) = &file.content
            {
                self.object(object, layer, found, weight, *object == program.path);
            }
        }
        self.runs.extend(linked.objects.iter().cloned());
        self.linked.glibc_needed = self.linked.glibc_needed.max(linked.glibc_needed);
        self.linked.glibc_given = self.linked.glibc_given.max(linked.glibc_given);
    }

    /// What a Windows image starts. Its libraries are not followed, so that a yes says no more than that.
    fn windows(&mut self, command: &Command) {
        let (path, file, layer) = match windows::started(self.tree, command) {
            Ok(found) => found,
            Err(None) => {
                return self.find(
                    Weight::Unknown,
                    "no-command",
                    None,
                    "the image names nothing to start".into(),
                );
            }
            Err(Some(name)) => {
                if let Some((path, layer)) = self.of_elf_alone(command) {
                    let reason = "it is an ELF program, as all its binaries are, and Windows starts none";
                    return self.find(Weight::No, "wrong-format", Some((&path, Some(layer))), reason.into());
                }
                // The base layers of Windows images are often kept elsewhere.
                let reason = format!("{name}, which the image starts, was not found in its layers");
                return self.find(Weight::Unknown, "not-there", None, reason);
            }
        };
        self.windows_program(&path, &file, layer, Weight::No);
        if let Some((path, file, layer)) = windows::behind_cmd(self.tree, command) {
            self.windows_program(&path, &file, layer, Weight::Unknown);
        }
    }

    /// What would be started if this were Linux, where it is an ELF program and no binary is one of Windows.
    fn of_elf_alone(&self, command: &Command) -> Option<(Vec<u8>, usize)> {
        let is_pe =
            |found: &Found| matches!(found, Found::File(file) if matches!(file.content, Content::Pe(_)));
        if self.tree.iter().any(|(_, placed)| is_pe(&placed.found)) {
            return None;
        }
        let program = follow(self.tree, command).programs.into_iter().next()?;
        matches!(program.file.content, Content::Elf(_)).then_some((program.path, program.layer))
    }

    /// A program of Windows. `weight` is that of what keeps it from starting.
    fn windows_program(&mut self, path: &[u8], file: &File, layer: usize, weight: Weight) {
        self.runs.insert(path.to_vec());
        let at = Some((path, Some(layer)));
        let architecture = self.platform.architecture.clone();
        match (&file.content, machine(&self.platform)) {
            (Content::Pe(Machine::X86), Some(Machine::X86_64)) => {
                let reason = "it is for 386, or a .NET program for any machine: some Windows images run such";
                self.find(Weight::Unknown, "wrong-machine", at, reason.into());
            }
            (Content::Pe(found), Some(expected)) if *found != expected => {
                let reason = format!("it is for {found}, not for {architecture}");
                self.find(weight, "wrong-machine", at, reason);
            }
            (Content::Pe(_), Some(_)) => {
                self.find(Weight::Note, "libraries", at, "its libraries were not followed".into());
            }
            (Content::Pe(_), None) => {
                let reason = format!("what binaries of {architecture} look like is not known");
                self.find(Weight::Unknown, "unknown-architecture", at, reason);
            }
            _ if windows::is_script(path, file) => {
                self.find(Weight::Unknown, "script", at, "it is a script, which was not followed".into());
            }
            _ => self.find(weight, "wrong-format", at, "it is no Windows program".into()),
        }
    }

    /// One object of a program.
    fn object(&mut self, path: &[u8], layer: usize, elf: &Elf, weight: Weight, is_program: bool) {
        if !is_program && let Some(reason) = misfit(&self.platform, elf) {
            self.find(weight, "wrong-machine", Some((path, Some(layer))), reason);
        }
        if let Some(reason) = doubt(&self.platform, elf) {
            self.find(weight.min(Weight::Unknown), "unknown-generation", Some((path, Some(layer))), reason);
        }
        self.x86_level = self.x86_level.max(elf.x86_level);
        if let Some(alignment) = elf.alignment {
            self.alignment = Some(self.alignment.map_or(alignment, |least| least.min(alignment)));
        }
    }

    fn fault(&mut self, fault: &Fault, weight: Weight) {
        let weight = match fault {
            Fault::NotPreloaded { .. } => Weight::Warning,
            fault if fault.is_certain() => weight,
            _ => weight.min(Weight::Unknown),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (rule, file, reason) = match fault {
            Fault::NoLoader { program, loader } => {
                ("no-loader", program, format!("its loader {} is not in the image", text(loader)))
            }
            Fault::WrongLoader { program, loader, is } => {
                ("wrong-loader", program, format!("its loader {} is {is}", text(loader)))
            }
            Fault::NoLibrary { by, library, uncached: None } => (
                "no-library",
                by,
                format!("it needs {}, which is in no folder where its loader looks", text(library)),
            ),
            Fault::NoLibrary { by, library, uncached: Some(at) } => (
                "no-library",
                by,
                format!(
                    "it needs {}, and {} is not in the loader's cache, /etc/ld.so.cache: run ldconfig",
                    text(library),
                    shown(at)
                ),
            ),
            Fault::WrongLibrary { by, library, at, is } => {
                ("wrong-library", by, format!("it needs {}, and {} is {is}", text(library), shown(at)))
            }
            Fault::NoVersion { by, library, version } => (
                "no-version",
                by,
                format!("it needs {} of {}, which does not have it", text(version), shown(library)),
            ),
            Fault::CutOff { object, reach, size, .. } => (
                "cut-off",
                object,
                format!("it is cut off: its segments reach to byte {reach}, and it has {size}"),
            ),
            Fault::NoProgram { object, why } => ("no-format", object, (*why).to_owned()),
            Fault::NotPreloaded { program, library } => (
                "preload",
                program,
                format!("LD_PRELOAD names {}, which can't be loaded, and is passed over", text(library)),
            ),
            Fault::OtherSystem { program, system } => {
                ("other-system", program, format!("it is marked as a program for {system}"))
            }
            Fault::OtherLibc { object, what } => ("other-libc", object, what.clone()),
            Fault::Unread { object, what } => ("unread", object, what.clone()),
        };
        let file = file.clone();
        self.find(weight, rule, Some((&file, None)), reason);
    }

    /// Counts all binaries, and names those of other machines that nothing was seen to run.
    ///
    /// Where a shell's text runs more than was followed, it may run them.
    fn others(&mut self, may_run: bool) -> BTreeMap<String, u64> {
        let mut machines: BTreeMap<String, u64> = BTreeMap::new();
        let mut foreign: Vec<(Vec<u8>, usize, String)> = Vec::new();
        let mut count = 0_u64;
        let expected = machine(&self.platform);
        for (path, placed) in self.tree.iter() {
            let Found::File(file) = &placed.found else { continue };
            let found = match &file.content {
                Content::Elf(elf) => elf.machine,
                Content::Pe(machine) => *machine,
                _ => continue,
            };
            let format = if matches!(file.content, Content::Pe(_)) { " (PE)" } else { "" };
            *machines.entry(format!("{found}{format}")).or_default() += 1;
            // An emulator or a runtime of another system carries files of both formats.
            let is_pe = matches!(file.content, Content::Pe(_));
            let is_foreign = expected.is_some_and(|expected| found != expected)
                || is_pe != (self.platform.os == "windows");
            if is_foreign && !self.runs.contains(&path) {
                count += 1;
                if foreign.len() < NAMED {
                    foreign.push((
                        path,
                        placed.layer,
                        format!("it is for {found}{format}; nothing was seen to run it"),
                    ));
                }
            }
        }
        if may_run && count > 0 {
            let reason =
                "a shell's text runs more than could be followed, and there are binaries for other machines";
            self.find(Weight::Unknown, "not-followed", None, reason.into());
        }
        for (path, layer, reason) in foreign {
            self.find(Weight::Note, "foreign-binary", Some((&path, Some(layer))), reason);
        }
        if count > NAMED as u64 {
            let reason = format!("{} more binaries are for other machines", count - NAMED as u64);
            self.find(Weight::Note, "foreign-binary", None, reason);
        }
        machines
    }

    /// Which x86-64 processors run it, by what the binaries declare.
    fn level(&mut self) {
        if let Some(level @ 2..) = self.x86_level {
            let reason = format!(
                "what would run declares that it needs x86-64-v{level}: older processors do not run it"
            );
            self.find(Weight::Warning, "x86-level", None, reason);
        }
    }

    /// Which kernels load what would run, on machines whose pages may be larger than 4 KiB.
    fn alignment(&mut self) {
        let Some(alignment) = self.alignment.filter(|_| self.platform.architecture == "arm64") else {
            return;
        };
        let reason = match alignment {
            0x1_0000.. => return,
            0x4000..0x1_0000 => {
                "its segments are aligned for pages of up to 16 KiB: kernels with 64 KiB pages do not load it"
            }
            _ => {
                "its segments are aligned for pages of 4 KiB alone: kernels with 16 or 64 KiB pages do not load it"
            }
        };
        self.find(Weight::Warning, "alignment", None, reason.into());
    }
}
