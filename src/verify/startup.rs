//! What would run: the entrypoint and command of an image, followed to the binaries.
//!
//! Sources: the image specification, *config.md*; `execve(2)` for `#!`; and what container engines do with a name
//! without a slash: they look for it in `PATH` of the image.

use std::collections::VecDeque;
use std::sync::Arc;

use super::binary::elf::Kind;
use super::layer::{Content, File};
use super::tree::{Missing, Tree};

/// What engines take where an image sets no `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How many scripts may start one another: as many as Linux allows.
const MAX_SCRIPTS: usize = 5;
/// How many programs one image may start at once, as far as they are followed.
const MAX_PROGRAMS: usize = 64;

/// What makes more of a shell's text than one command.
const OPERATORS: [char; 7] = [';', '&', '|', '(', ')', '`', '\n'];
/// Commands that shells have in themselves, and that are there as programs too.
const BUILT_IN: [&str; 16] = [
    "[", "alias", "bg", "cd", "command", "echo", "false", "fg", "kill", "printf", "pwd", "read", "test",
    "true", "type", "wait",
];

/// How an image is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// `Entrypoint` of the config.
    pub entrypoint: Vec<String>,
    /// `Cmd` of the config.
    pub command: Vec<String>,
    /// `Env` of the config: `NAME=value`.
    pub environment: Vec<String>,
    /// `WorkingDir` of the config.
    pub folder: String,
}

/// Why a program is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It is what the image starts.
    Started,
    /// It runs the script at this path.
    Interpreter(Vec<u8>),
    /// A shell was started to run it, and nothing else.
    Sole,
    /// What was started is given it as an argument, and most likely runs it.
    Argument,
}

/// A program that would run.
#[derive(Debug, Clone)]
pub struct Program {
    /// As it is named.
    pub name: Vec<u8>,
    /// Its real path.
    pub path: Vec<u8>,
    /// The file.
    pub file: Arc<File>,
    /// The layer it comes from, counted from 0.
    pub layer: usize,
    /// Why it is looked at.
    pub role: Role,
}

/// Why something that would run can't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The image names nothing to start.
    Nothing,
    /// It is not there.
    NotThere {
        /// As it is named.
        name: Vec<u8>,
        /// Why it is looked at.
        role: Role,
        /// Why the path leads nowhere.
        missing: Missing,
    },
    /// Nobody may execute it.
    NotExecutable {
        /// Its real path.
        path: Vec<u8>,
        /// The layer.
        layer: usize,
    },
    /// It is neither a binary nor a script: the kernel says "exec format error".
    NoFormat {
        /// Its real path.
        path: Vec<u8>,
        /// The layer.
        layer: usize,
    },
    /// Scripts start one another without an end.
    TooDeep {
        /// The last one's path.
        path: Vec<u8>,
    },
}

/// What would run, and what is in the way of it.
#[derive(Debug, Default)]
pub struct Startup {
    /// The programs, what is started first.
    pub programs: Vec<Program>,
    /// What keeps the image from starting.
    pub obstacles: Vec<Obstacle>,
}

impl Command {
    /// The value of a variable, the last one where it is set twice.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().rev().find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then_some(value)
        })
    }

    /// Entrypoint and command, one after the other, as an engine starts them.
    pub fn arguments(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.command).cloned().collect()
    }
}

/// Follows what `command` starts.
pub fn follow(tree: &Tree, command: &Command) -> Startup {
    let arguments = command.arguments();
    let mut startup = Startup::default();
    let Some(first) = arguments.first().filter(|first| !first.is_empty()) else {
        startup.obstacles.push(Obstacle::Nothing);
        return startup;
    };
    let mut due = VecDeque::from([(first.clone().into_bytes(), Role::Started, 0)]);
    while let Some((name, role, depth)) = due.pop_front() {
        if startup.programs.len() >= MAX_PROGRAMS {
            break;
        }
        // A shell has commands of its own, and runs a text without `#!` itself.
        let is_argument = matches!(role, Role::Argument | Role::Sole);
        let (path, file, layer) = match find(tree, command, &name) {
            Ok(found) => found,
            // An argument need not be a program at all; the one command of a shell that is named by its path is.
            Err(_) if is_argument && !(role == Role::Sole && name.contains(&b'/')) => continue,
            Err(missing) => {
                startup.obstacles.push(Obstacle::NotThere { name, role, missing });
                continue;
            }
        };
        if startup.programs.iter().any(|program| program.path == path) {
            // A script that is run by itself, in the end.
            if matches!((&role, &file.content), (Role::Interpreter(_), Content::Script(_))) {
                startup.obstacles.push(Obstacle::TooDeep { path });
            }
            continue;
        }
        if !file.is_executable {
            if !is_argument {
                startup.obstacles.push(Obstacle::NotExecutable { path, layer });
            }
            continue;
        }
        match &file.content {
            Content::Script(line) if depth >= MAX_SCRIPTS => {
                let _ = line;
                startup.obstacles.push(Obstacle::TooDeep { path });
                continue;
            }
            Content::Script(line) => {
                // Whoever is given a script as an argument may read it without its interpreter.
                let as_what = match role {
                    Role::Argument => Role::Argument,
                    _ => Role::Interpreter(path.clone()),
                };
                let named = interpreters(line);
                if named.is_empty() && !is_argument {
                    startup.obstacles.push(Obstacle::NoFormat { path, layer });
                    continue;
                }
                for interpreter in named {
                    due.push_back((interpreter, as_what.clone(), depth + 1));
                }
            }
            Content::Elf(elf) if !matches!(elf.kind, Kind::Executable | Kind::Shared) => {
                if !is_argument {
                    startup.obstacles.push(Obstacle::NoFormat { path, layer });
                }
                continue;
            }
            Content::Elf(_) | Content::Pe(_) => {}
            Content::Setting(_) | Content::Other if is_argument => continue,
            Content::Setting(_) | Content::Other => {
                startup.obstacles.push(Obstacle::NoFormat { path, layer });
                continue;
            }
        }
        if role == Role::Started
            && let Some((argument, role)) = started_by(&arguments)
        {
            due.push_back((argument.into_bytes(), role, depth));
        }
        startup.programs.push(Program { name, path, file, layer, role });
    }
    startup
}

/// Where a name leads: with a slash it is a path, seen from the working folder; without one it is looked for in `PATH`.
fn find(tree: &Tree, command: &Command, name: &[u8]) -> Result<(Vec<u8>, Arc<File>, usize), Missing> {
    let of = |path: &[u8]| tree.file(path).map(|(real, file, layer)| (real, file.clone(), layer));
    if name.starts_with(b"/") {
        return of(name);
    }
    if name.contains(&b'/') {
        return of(&[command.folder.as_bytes(), b"/", name].concat());
    }
    let path = command.variable("PATH").unwrap_or(PATH);
    let mut first = None;
    for folder in path.split(':') {
        let folder = if folder.is_empty() { command.folder.as_str() } else { folder };
        match of(&[folder.as_bytes(), b"/", name].concat()) {
            // As an engine: what can't be executed is passed over.
            Ok(found) if found.1.is_executable => return Ok(found),
            Ok(found) => {
                first.get_or_insert(found);
            }
            Err(_) => {}
        }
    }
    first.ok_or_else(|| Missing::Absent(name.to_vec()))
}

/// The programs that a script's first line names: the interpreter, and what `env` starts.
fn interpreters(line: &[u8]) -> Vec<Vec<u8>> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let line = &line[line.iter().take_while(|byte| is_blank(byte)).count()..];
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    // The kernel gives all that stands behind the interpreter as one argument.
    let (first, argument) = (&line[..end], line[end..].trim_ascii());
    if first.is_empty() {
        return Vec::new();
    }
    let mut found = vec![first.to_vec()];
    if first.rsplit(|byte| *byte == b'/').next() == Some(b"env") {
        let split = [b"-S".as_slice(), b"-vS", b"--split-string="];
        if let Some(text) = split.iter().find_map(|flag| argument.strip_prefix(*flag)) {
            let is_program =
                |word: &&[u8]| !word.is_empty() && !word.starts_with(b"-") && !word.contains(&b'=');
            found.extend(text.split(is_blank).find(is_program).map(<[u8]>::to_vec));
        } else if !argument.is_empty() && !argument.starts_with(b"-") && !argument.contains(&b'=') {
            found.push(argument.to_vec());
        }
    }
    found
}

/// What is started by what is started: the command behind `sh -c`, behind an init, or behind an entrypoint.
fn started_by(arguments: &[String]) -> Option<(String, Role)> {
    let base = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let shells = ["sh", "bash", "ash", "dash", "zsh"];
    match arguments {
        [shell, flag, script, ..] if shells.contains(&base(shell).as_str()) && is_command_flag(flag) => {
            let word = first_word(script)?;
            let is_sole = !script.contains(OPERATORS) && !BUILT_IN.contains(&word.as_str());
            Some((word, if is_sole { Role::Sole } else { Role::Argument }))
        }
        [_, rest @ ..] => {
            let word = rest.iter().find(|word| !word.starts_with('-'));
            word.filter(|word| is_plain(word)).map(|word| (word.clone(), Role::Argument))
        }
        [] => None,
    }
}

/// `-c`, or several flags of which it is the last, like `-ec`.
fn is_command_flag(flag: &str) -> bool {
    flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c')
}

/// A word that stands for itself in a shell.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._+-@%:,".contains(&b))
}

/// The program that a shell's text runs first, where that is plain to see.
fn first_word(script: &str) -> Option<String> {
    let mut words = script.split_ascii_whitespace().skip_while(|word| {
        *word == "exec" || word.split_once('=').is_some_and(|(name, _)| is_plain(name) && !name.contains('/'))
    });
    words.next().filter(|word| is_plain(word)).map(str::to_owned)
}
