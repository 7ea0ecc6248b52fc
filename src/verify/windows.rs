//! What would run in a Windows container.
//!
//! The layers of Windows images hold the file system below `Files/` (microsoft/hcsshim's layer format). Names do not
//! tell capitals from small letters. Libraries are not followed: most come with the host's version of Windows.

use std::sync::Arc;

use super::layer::{Content, File};
use super::startup::Command;
use super::tree::{Found, Tree};

/// Where the file system of a Windows layer begins.
const FILES: &str = "files/";
/// The folders that Windows looks into by itself.
const SYSTEM: [&str; 2] = ["windows/system32", "windows"];
/// What may stand behind a program's name without being typed.
const ENDINGS: [&str; 5] = ["", ".exe", ".com", ".bat", ".cmd"];

/// The program that is started, its real path and its layer; or the name that leads nowhere.
pub(super) fn started(tree: &Tree, command: &Command) -> Result<(Vec<u8>, Arc<File>, usize), Option<String>> {
    let arguments = command.arguments();
    let first = arguments.first().filter(|first| !first.is_empty()).ok_or(None)?;
    // The shell form is one text: the program is its first word.
    let word = match first.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None if arguments.len() == 1 => first.split_ascii_whitespace().next().unwrap_or_default(),
        None => first,
    };
    let name = path(word);
    let has_folder = name.contains('/');
    let mut folders: Vec<String> = Vec::new();
    if word.contains(':') || word.starts_with(['\\', '/']) {
        folders.push(String::new());
    } else {
        folders.push(path(&command.folder));
        if !has_folder {
            folders.extend(SYSTEM.map(str::to_owned));
            let variable = command.variable("PATH").or_else(|| command.variable("Path")).unwrap_or_default();
            folders.extend(variable.split(';').map(path));
        }
    }
    for folder in folders {
        for ending in ENDINGS {
            let wanted = match folder.is_empty() {
                true => format!("{FILES}{name}{ending}"),
                false => format!("{FILES}{folder}/{name}{ending}"),
            };
            if let Some(found) = find(tree, &wanted) {
                return Ok(found);
            }
        }
    }
    Err(Some(word.to_owned()))
}

/// The program that `cmd /c` is told to run, where that is what is started and the program is there. What is not there
/// may be a command of its own.
pub(super) fn behind_cmd(tree: &Tree, command: &Command) -> Option<(Vec<u8>, Arc<File>, usize)> {
    let arguments = command.arguments();
    let (shell, rest) = arguments.split_first()?;
    let base = path(shell);
    let base = base.rsplit('/').next().unwrap_or_default();
    if !["cmd", "cmd.exe"].contains(&base) {
        return None;
    }
    let at =
        rest.iter().position(|word| word.eq_ignore_ascii_case("/c") || word.eq_ignore_ascii_case("/k"))?;
    let text = rest[at + 1..].join(" ");
    let behind = Command { entrypoint: vec![text], command: Vec::new(), ..command.clone() };
    started(tree, &behind).ok()
}

/// A path without its drive, with slashes and small letters.
fn path(text: &str) -> String {
    let bare = match text.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &text[2..],
        _ => text,
    };
    let parts = bare.split(['\\', '/']).filter(|part| !part.is_empty() && *part != ".");
    parts.collect::<Vec<_>>().join("/").to_ascii_lowercase()
}

fn find(tree: &Tree, wanted: &str) -> Option<(Vec<u8>, Arc<File>, usize)> {
    tree.iter().find_map(|(path, placed)| match &placed.found {
        Found::File(file) if path.eq_ignore_ascii_case(wanted.as_bytes()) => {
            Some((path, file.clone(), placed.layer))
        }
        _ => None,
    })
}

/// Whether it is a script that `cmd.exe` runs.
pub(super) fn is_script(path: &[u8], file: &File) -> bool {
    let path = path.to_ascii_lowercase();
    matches!(file.content, Content::Other | Content::Script(_))
        && (path.ends_with(b".bat") || path.ends_with(b".cmd"))
}
