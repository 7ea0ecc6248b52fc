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
/// What shells (bash, dash, busybox) have in themselves: commands and reserved words.
const BUILT_IN: [&str; 78] = [
    ".",
    ":",
    "[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "chdir",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "until",
    "wait",
    "while",
];
/// Programs that do nothing but start another one in their place or below them, and how many words stand before it.
const LAUNCHERS: [(&str, usize); 8] = [
    ("catatonit", 0),
    ("docker-init", 0),
    ("dumb-init", 0),
    ("env", 0),
    ("gosu", 1),
    ("su-exec", 1),
    ("tini", 0),
    ("tini-static", 0),
];
/// Their options that have a word of their own behind them.
const WITH_VALUE: [&str; 6] = ["-e", "-p", "-r", "--rewrite", "-u", "-C"];

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
    /// A shell is to run it, and `PATH` does not lead to it. A shell may have commands of its own.
    NotFound {
        /// As it is named.
        name: Vec<u8>,
    },
    /// The file was not read, so that it can't be told what it is.
    Unread {
        /// Its real path.
        path: Vec<u8>,
        /// The layer.
        layer: usize,
        /// Why.
        why: &'static str,
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

/// A name that is to be looked at.
struct Next<'a> {
    name: Vec<u8>,
    role: Role,
    /// How many scripts have led to it.
    depth: usize,
    /// The words that it is given, itself the first.
    arguments: &'a [String],
}

/// What is to be looked at. What is certain to run comes before what is likely to: a file keeps its first role.
#[derive(Default)]
struct Due<'a> {
    certain: VecDeque<Next<'a>>,
    likely: VecDeque<Next<'a>>,
}

impl<'a> Due<'a> {
    fn push(&mut self, next: Next<'a>) {
        if next.role == Role::Argument { &mut self.likely } else { &mut self.certain }.push_back(next);
    }

    fn pop(&mut self) -> Option<Next<'a>> {
        self.certain.pop_front().or_else(|| self.likely.pop_front())
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
    let mut due = Due::default();
    due.push(Next { name: first.clone().into(), role: Role::Started, depth: 0, arguments: &arguments });
    while let Some(Next { name, role, depth, arguments }) = due.pop() {
        if startup.programs.len() >= MAX_PROGRAMS {
            break;
        }
        // A shell has commands of its own, and runs a text without `#!` itself.
        let is_argument = matches!(role, Role::Argument | Role::Sole);
        let (path, file, layer) = match find(tree, command, &name) {
            Ok(found) => found,
            // The one command of a shell that is named by its path is there, or nothing is started.
            Err(_) if role == Role::Sole && !name.contains(&b'/') => {
                startup.obstacles.push(Obstacle::NotFound { name });
                continue;
            }
            // An argument need not be a program at all.
            Err(_) if role == Role::Argument => continue,
            Err(missing) => {
                startup.obstacles.push(Obstacle::NotThere { name, role, missing });
                continue;
            }
        };
        if !file.is_executable() {
            if role != Role::Argument {
                startup.obstacles.push(Obstacle::NotExecutable { path, layer });
            }
            continue;
        }
        if let Some((argument, started, rest)) = started_by(arguments) {
            let role = if role == Role::Started { started } else { Role::Argument };
            due.push(Next { name: argument.into(), role, depth, arguments: rest });
        }
        if startup.programs.iter().any(|program| program.path == path) {
            // A script that is run by itself, in the end.
            if matches!((&role, &file.content), (Role::Interpreter(_), Content::Script(_))) {
                startup.obstacles.push(Obstacle::TooDeep { path });
            }
            continue;
        }
        match &file.content {
            Content::Unread(why) => {
                startup.obstacles.push(Obstacle::Unread { path, layer, why });
                continue;
            }
            Content::Script(_) if depth >= MAX_SCRIPTS => {
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
                    due.push(Next {
                        name: interpreter,
                        role: as_what.clone(),
                        depth: depth + 1,
                        arguments: &[],
                    });
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
        startup.programs.push(Program { name, path, file, layer, role });
    }
    startup
}

/// Where a name leads: with a slash it is a path, seen from the working folder; without one it is looked for in `PATH`.
fn find(tree: &Tree, command: &Command, name: &[u8]) -> Result<(Vec<u8>, Arc<File>, usize), Missing> {
    let of = |path: &[u8]| tree.file(path);
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
            Ok(found) if found.1.is_executable() => return Ok(found),
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

/// What the program `arguments[0]` starts: the command behind `sh -c`, behind an init, or behind an entrypoint. With
/// it, the words that it is given, itself the first, where they are plain to see.
fn started_by(arguments: &[String]) -> Option<(String, Role, &[String])> {
    let shells = ["sh", "bash", "ash", "dash", "zsh"];
    let (program, rest) = arguments.split_first()?;
    let base = program.rsplit('/').next().unwrap_or_default();
    if let [flag, script, ..] = rest
        && shells.contains(&base)
        && is_command_flag(flag)
    {
        let word = first_word(script)?;
        let is_sole = !script.contains(OPERATORS) && !BUILT_IN.contains(&word.as_str());
        return Some((word, if is_sole { Role::Sole } else { Role::Argument }, &[]));
    }
    if let Some((_, before)) = LAUNCHERS.iter().find(|(name, _)| *name == base) {
        let rest = launched(rest).get(*before..)?;
        return rest.first().map(|word| (word.clone(), Role::Started, rest));
    }
    let at = rest.iter().position(|word| !word.starts_with('-')).filter(|at| is_plain(&rest[*at]))?;
    Some((rest[at].clone(), Role::Argument, &rest[at..]))
}

/// The words of a launcher that are no options and no variables of its own.
fn launched(mut words: &[String]) -> &[String] {
    while let [word, rest @ ..] = words {
        words = match word.as_str() {
            "--" => return rest,
            option if WITH_VALUE.contains(&option) => rest.get(1..).unwrap_or_default(),
            option if option.starts_with('-') || option.contains('=') => rest,
            _ => return words,
        };
    }
    words
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
