//! What would run: the entrypoint and command of an image, followed to the binaries.
//!
//! Sources: the image specification, *config.md*; `execve(2)` for `#!`; and what container engines do with a name
//! without a slash: they look for it in `PATH` of the image.

mod identity;
mod shell;
mod words;

use std::collections::VecDeque;
use std::sync::Arc;

use self::identity::Identity;
use self::words::{By, Started, started};
use super::binary::elf::Kind;
use super::layer::{Content, File};
use super::tree::{Found, Missing, Tree};

/// What engines take where an image sets no `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How many scripts may start one another: as many as Linux allows.
const MAX_SCRIPTS: usize = 5;
/// How many programs one image may start at once, as far as they are followed.
const MAX_PROGRAMS: usize = 64;
/// How many names are looked at: a shell's text may start itself anew without an end.
const MAX_LOOKED_AT: usize = 256;
/// How long a word may be that a program is given, and all words and variables together: Linux' `MAX_ARG_STRLEN`, and
/// a quarter of the stack that it gives by default.
const MAX_WORD: usize = 128 << 10;
const MAX_WORDS: usize = 2 << 20;

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
    /// `User` of the config.
    pub user: String,
}

/// Why a program is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It is what the image starts.
    Started,
    /// It runs the script at this path.
    Interpreter(Vec<u8>),
    /// It is what the script at this path names behind `env`.
    Named(Vec<u8>),
    /// A shell was started to run it, and nothing comes of that where it fails.
    Sole,
    /// The same, unless a command before it changes files or variables.
    Likely,
    /// A shell may run it, or go on without it.
    Perhaps,
    /// A shell reads it.
    Script,
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
    /// The working folder.
    pub folder: String,
}

/// Why something that would run can't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The image names nothing to start.
    Nothing,
    /// What it is started with is longer than a kernel takes.
    TooLong,
    /// It is to run as somebody who is not in the image.
    NoUser {
        /// A sentence.
        reason: String,
    },
    /// It is not there.
    NotThere {
        /// As it is named.
        name: Vec<u8>,
        /// Why it is looked at.
        role: Role,
        /// Why the path leads nowhere.
        missing: Missing,
    },
    /// A shell is to run it, and it is not there. A shell may have commands of its own.
    NotFound {
        /// As it is named.
        name: Vec<u8>,
        /// Whether nothing comes of the whole where it fails.
        decides: bool,
    },
    /// `env` is given several words as one, and this one does not split them.
    NoSplit {
        /// Its real path.
        path: Vec<u8>,
        /// The layer.
        layer: usize,
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
    /// Whoever runs it may not read it, which it takes to run a script.
    NotReadable {
        /// Its real path.
        path: Vec<u8>,
        /// The layer.
        layer: usize,
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
    /// Whether a shell's text runs more than was followed.
    pub is_partly_followed: bool,
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
struct Next {
    role: Role,
    /// How many scripts have led to it.
    depth: usize,
    /// Its name, and the words that it is given.
    words: Vec<String>,
    /// As it is named, where that is no text.
    name: Vec<u8>,
    /// The folder that it is started in.
    folder: String,
    /// Whether `env` is to split the words of a script's first line for it.
    splits: bool,
}

impl Next {
    fn of(words: Vec<String>, role: Role, depth: usize, folder: String) -> Next {
        let name = words.first().map(|word| word.clone().into_bytes()).unwrap_or_default();
        Next { role, depth, words, name, folder, splits: false }
    }
}

/// What is to be looked at. What is certain to run comes before what is likely to: a file keeps its first role.
#[derive(Default)]
struct Due {
    certain: VecDeque<Next>,
    likely: VecDeque<Next>,
}

impl Due {
    fn push(&mut self, next: Next) {
        let is_likely = matches!(next.role, Role::Argument | Role::Likely | Role::Perhaps);
        if is_likely { &mut self.likely } else { &mut self.certain }.push_back(next);
    }

    fn pop(&mut self) -> Option<Next> {
        self.certain.pop_front().or_else(|| self.likely.pop_front())
    }
}

/// Follows what `command` starts.
pub fn follow(tree: &Tree, command: &Command) -> Startup {
    let words = command.arguments();
    let mut startup = Startup::default();
    let identity = Identity::of(tree, &command.user);
    let identity = identity.unwrap_or_else(|reason| {
        startup.obstacles.push(Obstacle::NoUser { reason });
        None
    });
    let mut following = Following { tree, command, identity, due: Due::default(), startup };
    let length = |texts: &[String]| texts.iter().map(|text| text.len() + 1).sum::<usize>();
    if words.first().is_none_or(String::is_empty) {
        following.startup.obstacles.push(Obstacle::Nothing);
    } else if words.iter().chain(&command.environment).any(|word| word.len() >= MAX_WORD)
        || length(&words) + length(&command.environment) > MAX_WORDS
    {
        following.startup.obstacles.push(Obstacle::TooLong);
    } else {
        let folder = command.folder.clone();
        following.due.push(Next::of(words, Role::Started, 0, folder));
    }
    for _ in 0..MAX_LOOKED_AT {
        let Some(next) = following.due.pop() else { break };
        if following.startup.programs.len() < MAX_PROGRAMS {
            following.one(next);
        }
    }
    following.startup
}

struct Following<'a> {
    tree: &'a Tree,
    command: &'a Command,
    /// As whom it runs; none where there is no such user.
    identity: Option<Identity>,
    due: Due,
    startup: Startup,
}

impl Following<'_> {
    fn one(&mut self, next: Next) {
        let (path, file, layer) = match self.find(&next) {
            Ok(found) => found,
            Err(missing) => return self.missing(next, missing),
        };
        let is_read = next.role == Role::Script || matches!(file.content, Content::Script(_));
        if is_read && !self.may_read(&file) && !matches!(next.role, Role::Argument | Role::Perhaps) {
            self.startup.obstacles.push(Obstacle::NotReadable { path, layer });
            return;
        }
        if next.role == Role::Script {
            return;
        }
        if !self.may_execute(&file) {
            self.startup.obstacles.extend(match next.role {
                Role::Argument | Role::Perhaps => None,
                Role::Likely => Some(Obstacle::NotFound { name: next.name, decides: true }),
                _ => Some(Obstacle::NotExecutable { path, layer }),
            });
            return;
        }
        if next.splits && path.ends_with(b"busybox") {
            self.startup.obstacles.push(Obstacle::NoSplit { path: path.clone(), layer });
        }
        self.starts(&next);
        if self.startup.programs.iter().any(|program| program.path == path) {
            // A script that is run by itself, in the end.
            if matches!((&next.role, &file.content), (Role::Interpreter(_), Content::Script(_))) {
                self.startup.obstacles.push(Obstacle::TooDeep { path });
            }
            return;
        }
        if let Err(obstacle) = self.content(&next, &path, &file, layer) {
            self.startup.obstacles.extend(obstacle);
            return;
        }
        let Next { name, role, folder, .. } = next;
        self.startup.programs.push(Program { name, path, file, layer, role, folder });
    }

    fn may_read(&self, file: &File) -> bool {
        self.identity.as_ref().is_none_or(|identity| identity.may_read(file.permissions))
    }

    fn may_execute(&self, file: &File) -> bool {
        match &self.identity {
            Some(identity) => identity.may_execute(file.permissions),
            None => file.is_executable(),
        }
    }

    /// Where a name leads: with a slash it is a path, seen from the working folder; without one it is looked for in `PATH`.
    /// What a script's first line names is a path in any case.
    fn find(&self, next: &Next) -> Result<(Vec<u8>, Arc<File>, usize), Missing> {
        // A shell that can't go to a folder runs nothing there.
        if matches!(next.role, Role::Sole | Role::Likely)
            && !next.folder.is_empty()
            && next.folder != self.command.folder
        {
            match self.tree.resolve(next.folder.as_bytes()) {
                Ok((_, placed)) if matches!(placed.found, Found::Folder) => {}
                // The root.
                Err(Missing::Absent(real)) if real.is_empty() => {}
                Ok((real, _)) => return Err(Missing::NoFolder(real)),
                Err(missing) => return Err(missing),
            }
        }
        let of = |path: &[u8]| self.tree.file(path).map(|(real, file, layer)| (real, file.clone(), layer));
        let name = &next.name[..];
        let below = |folder: &str| [folder.as_bytes(), b"/", name].concat();
        if name.ends_with(b"/") {
            // What stands before a slash is a folder.
            return Err(Missing::NoFolder(name.to_vec()));
        }
        if name.starts_with(b"/") {
            return of(name);
        }
        if name.contains(&b'/') || matches!(next.role, Role::Interpreter(_)) {
            return of(&below(&next.folder));
        }
        let path = self.command.variable("PATH").unwrap_or(PATH);
        let mut first = None;
        for folder in path.split(':') {
            let folder = if folder.is_empty() { next.folder.as_str() } else { folder };
            match of(&below(folder)) {
                // As an engine: what can't be executed is passed over.
                Ok(found) if self.may_execute(&found.1) => return Ok(found),
                Ok(found) => {
                    first.get_or_insert(found);
                }
                Err(_) => {}
            }
        }
        // A shell looks for a text in its own folder first.
        match (next.role == Role::Script, first) {
            (true, _) => of(&below(&next.folder)),
            (false, Some(first)) => Ok(first),
            (false, None) => Err(Missing::Absent(name.to_vec())),
        }
    }

    fn missing(&mut self, next: Next, missing: Missing) {
        let Next { name, role, .. } = next;
        self.startup.obstacles.push(match role {
            // An argument need not be a program at all.
            Role::Argument => return,
            // The command of a shell that is named by its path is there, or it fails.
            Role::Sole if !name.contains(&b'/') => Obstacle::NotFound { name, decides: true },
            Role::Likely => Obstacle::NotFound { name, decides: true },
            Role::Perhaps => Obstacle::NotFound { name, decides: false },
            role => Obstacle::NotThere { name, role, missing },
        });
    }

    /// What it starts itself, by the words that it is given.
    fn starts(&mut self, next: &Next) {
        let variable = |name: &str| self.command.variable(name).map(str::to_owned);
        let (started, is_whole) = started(&next.words, &next.folder, &variable);
        self.startup.is_partly_followed |= !is_whole;
        for Started { by, words, folder } in started {
            let role = match (by, &next.role) {
                (_, Role::Argument) | (By::Argument, _) => Role::Argument,
                (_, Role::Perhaps) | (By::ShellPerhaps, _) => Role::Perhaps,
                (_, Role::Likely) | (By::ShellLikely, _) => Role::Likely,
                (By::Launcher, _) => Role::Started,
                (By::Shell, _) => Role::Sole,
                (By::Script, _) => Role::Script,
            };
            self.due.push(Next::of(words, role, next.depth, folder));
        }
    }

    /// Whether the kernel takes it, and what else is to be looked at for it; an obstacle where there is one to tell.
    fn content(
        &mut self,
        next: &Next,
        path: &[u8],
        file: &File,
        layer: usize,
    ) -> Result<(), Option<Obstacle>> {
        // A shell runs a text without `#!` itself.
        let takes_texts = matches!(next.role, Role::Argument | Role::Sole | Role::Likely | Role::Perhaps);
        let no_format = || Obstacle::NoFormat { path: path.to_vec(), layer };
        match &file.content {
            Content::Unread(why) => Err(Some(Obstacle::Unread { path: path.to_vec(), layer, why })),
            Content::Script(_) if next.depth >= MAX_SCRIPTS => {
                Err(Some(Obstacle::TooDeep { path: path.to_vec() }))
            }
            Content::Script(line) => match interpreter(line) {
                None if takes_texts => Ok(()),
                None => Err(Some(no_format())),
                Some(line) => {
                    self.interpreter(next, path, line);
                    Ok(())
                }
            },
            Content::Elf(elf) if !matches!(elf.kind, Kind::Executable | Kind::Shared) => {
                Err((next.role != Role::Argument).then(no_format))
            }
            // A .NET program is an argument of its runtime, on every machine.
            Content::Pe(_) if next.role == Role::Argument => Err(None),
            Content::Elf(_) | Content::Pe(_) => Ok(()),
            Content::Setting(_) | Content::Other => Err((!takes_texts).then(no_format)),
        }
    }

    /// The programs that a script's first line names.
    fn interpreter(&mut self, script: &Next, path: &[u8], line: FirstLine) {
        // Whoever is given a script as an argument may read it without its interpreter.
        let role = match &script.role {
            role @ (Role::Argument | Role::Likely | Role::Perhaps) => role.clone(),
            _ => Role::Interpreter(path.to_vec()),
        };
        let next = |name: Vec<u8>, role, splits| Next {
            role,
            depth: script.depth + 1,
            words: Vec::new(),
            name,
            folder: self.command.folder.clone(),
            splits,
        };
        let interpreter = next(line.interpreter, role.clone(), line.splits);
        let started = line.started.map(|name| {
            // `env` looks in `PATH`.
            let role = if matches!(role, Role::Interpreter(_)) { Role::Named(path.to_vec()) } else { role };
            next(name, role, false)
        });
        self.due.push(interpreter);
        started.into_iter().for_each(|next| self.due.push(next));
    }
}

/// What a script's first line says.
struct FirstLine {
    /// The interpreter.
    interpreter: Vec<u8>,
    /// What it starts, where it is `env`.
    started: Option<Vec<u8>>,
    /// Whether `env` has to split words for that.
    splits: bool,
}

/// Reads what stands behind `#!`: none where it names nothing.
fn interpreter(line: &[u8]) -> Option<FirstLine> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let line = &line[line.iter().take_while(|byte| is_blank(byte)).count()..];
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    // The kernel gives all that stands behind the interpreter as one argument.
    let (first, argument) = (&line[..end], line[end..].trim_ascii());
    if first.is_empty() {
        return None;
    }
    let mut found = FirstLine { interpreter: first.to_vec(), started: None, splits: false };
    if first.rsplit(|byte| *byte == b'/').next() == Some(b"env") {
        let split = [b"-S".as_slice(), b"-vS", b"--split-string="];
        if let Some(text) = split.iter().find_map(|flag| argument.strip_prefix(*flag)) {
            let is_program =
                |word: &&[u8]| !word.is_empty() && !word.starts_with(b"-") && !word.contains(&b'=');
            found.started = text.split(is_blank).find(is_program).map(<[u8]>::to_vec);
            found.splits = true;
        } else if argument.starts_with(b"-") {
            // `-i sh` is one word for it, and an option that no `env` has.
            found.splits = argument.iter().any(is_blank);
        } else if !argument.is_empty() && !argument.contains(&b'=') {
            found.started = Some(argument.to_vec());
        }
    }
    Some(found)
}
