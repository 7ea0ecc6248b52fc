//! What a program starts that is given these words: a shell, an init, an entrypoint.

use super::shell::{self, Certainty, Environment};

/// Programs that do nothing but start another one in their place or below them: how many words stand before it, and
/// which of their options have a word of their own behind them.
const LAUNCHERS: [(&str, usize, &[&str]); 13] = [
    ("catatonit", 0, &[]),
    ("docker-init", 0, &["-e", "-p"]),
    ("dumb-init", 0, &["-r", "--rewrite"]),
    ("env", 0, &["-u", "-C"]),
    ("gosu", 1, &[]),
    ("nice", 0, &["-n"]),
    ("nohup", 0, &[]),
    ("setsid", 0, &[]),
    ("stdbuf", 0, &["-i", "-o", "-e"]),
    ("su-exec", 1, &[]),
    ("timeout", 1, &["-s", "-k", "--signal", "--kill-after"]),
    ("tini", 0, &["-e", "-p"]),
    ("tini-static", 0, &["-e", "-p"]),
];
const SHELLS: [&str; 7] = ["sh", "bash", "ash", "dash", "zsh", "ksh", "mksh"];

/// How a program comes to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A launcher starts it, and does nothing else.
    Launcher,
    /// A shell runs it, and nothing comes of the whole where it fails.
    Shell,
    /// The same, unless a command before it changes something.
    ShellLikely,
    /// A shell may run it, or may go on without it.
    ShellPerhaps,
    /// A shell reads it.
    Script,
    /// It is an argument, and most likely run.
    Argument,
}

/// A program that is started, with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) by: By,
    /// Its name, and what it is given.
    pub(super) words: Vec<String>,
    /// The folder that it is started in.
    pub(super) folder: String,
}

/// What the program `words[0]` starts.
///
/// With it, whether all that it may start was seen.
pub(super) fn started(
    words: &[String],
    folder: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> (Vec<Started>, bool) {
    let base = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
    // busybox is the program that the next word names.
    let at = words.iter().position(|word| base(word) != "busybox").unwrap_or(words.len());
    let Some((program, rest)) = words[at..].split_first() else { return (Vec::new(), true) };
    let base = base(program);
    let one = |by, words: &[String]| {
        let started = Started { by, words: words.to_vec(), folder: folder.to_owned() };
        (if words.is_empty() { Vec::new() } else { vec![started] }, true)
    };
    if SHELLS.contains(&base.as_str()) {
        return match shell_words(rest) {
            Shell::Text(text, parameters) => {
                let environment = Environment { variable, parameters, folder };
                let (commands, is_whole) = shell::commands(text, &environment);
                let by = |certainty| match certainty {
                    Certainty::Certain => By::Shell,
                    Certainty::Likely => By::ShellLikely,
                    Certainty::Possible => By::ShellPerhaps,
                };
                let commands = commands.into_iter();
                let commands = commands
                    .map(|command| Started {
                        by: by(command.certainty),
                        words: command.words,
                        folder: command.folder,
                    })
                    .collect();
                (commands, is_whole)
            }
            Shell::File(words) => one(By::Script, words),
            Shell::Nothing => (Vec::new(), true),
        };
    }
    if let Some((_, before, with_value)) = LAUNCHERS.iter().find(|(name, ..)| *name == base.as_str()) {
        // What an option may change is not followed.
        let is_plain = |word: &String| {
            base != "env" || !(word.starts_with("-S") || word.starts_with("-C") || word.starts_with("--"))
        };
        let words = launched(rest, with_value).get(*before..).unwrap_or_default();
        let own = &rest[..rest.len() - words.len()];
        let leads = own.iter().any(|word| word.starts_with("PATH=") || word.starts_with("LD_"));
        let by = if own.iter().all(is_plain) && !leads { By::Launcher } else { By::Argument };
        return one(by, words);
    }
    let first = rest.iter().position(|word| !word.starts_with('-'));
    one(By::Argument, first.map_or(&[], |at| &rest[at..]))
}

/// What a shell is told to do.
enum Shell<'a> {
    /// `-c TEXT [NAME WORD…]`
    Text(&'a str, &'a [String]),
    /// `FILE [WORD…]`
    File(&'a [String]),
    Nothing,
}

fn shell_words(mut words: &[String]) -> Shell<'_> {
    let mut is_text = false;
    while let [word, rest @ ..] = words {
        words = match word.as_str() {
            "--" | "-" => {
                words = rest;
                break;
            }
            "-o" | "+o" | "-O" | "+O" | "--rcfile" | "--init-file" => rest.get(1..).unwrap_or_default(),
            option if option.starts_with("--") || option.starts_with('+') => rest,
            option if option.starts_with('-') => {
                if option.contains('s') {
                    // It reads what it is given.
                    return Shell::Nothing;
                }
                is_text |= option.contains('c');
                // `-eo pipefail`
                if option.ends_with('o') { rest.get(1..).unwrap_or_default() } else { rest }
            }
            _ => break,
        };
    }
    match (is_text, words) {
        (_, []) => Shell::Nothing,
        (true, [text, parameters @ ..]) => Shell::Text(text, parameters),
        (false, words) => Shell::File(words),
    }
}

/// The words of a launcher that are no options and no variables of its own.
fn launched<'a>(mut words: &'a [String], with_value: &[&str]) -> &'a [String] {
    while let [word, rest @ ..] = words {
        words = match word.as_str() {
            "--" => return rest,
            option if with_value.contains(&option) => rest.get(1..).unwrap_or_default(),
            option if option.starts_with('-') || option.contains('=') => rest,
            _ => return words,
        };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Vec<(By, String)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let (found, _) = started(&words, "/", &|_| None);
        found.into_iter().map(|started| (started.by, started.words.join(" "))).collect()
    }

    #[test]
    fn the_program_behind_shells_and_launchers_is_found() {
        let one = |by, text: &str| vec![(by, text.to_owned())];
        for (words, expected) in [
            (&["/app", "-x"][..], vec![]),
            (&["sh", "-c", "app"], one(By::Shell, "app")),
            (&["/bin/sh", "-e", "-c", "/app x"], one(By::Shell, "/app x")),
            (&["bash", "-euo", "pipefail", "-c", "app"], one(By::Shell, "app")),
            (&["bash", "--login", "-c", "app"], one(By::Shell, "app")),
            (&["sh", "-c", "app || true"], one(By::ShellPerhaps, "app")),
            (&["sh", "-c", "exec \"$@\"", "--", "app", "x"], one(By::Shell, "app x")),
            (&["/bin/busybox", "sh", "-c", "app"], one(By::Shell, "app")),
            (&["busybox", "httpd"], vec![]),
            (&["sh", "/start.sh", "x"], one(By::Script, "/start.sh x")),
            (&["sh"], vec![]),
            (&["sh", "-c"], vec![]),
            (&["tini", "--", "app", "x"], one(By::Launcher, "app x")),
            (&["/sbin/tini", "-e", "143", "-g", "app"], one(By::Launcher, "app")),
            (&["gosu", "nobody:nogroup", "app"], one(By::Launcher, "app")),
            (&["gosu", "nobody"], vec![]),
            (&["env", "-i", "-u", "A", "B=1", "app"], one(By::Launcher, "app")),
            (&["env", "LD_LIBRARY_PATH=/x", "app"], one(By::Argument, "app")),
            (&["env", "-C", "/x", "./app"], one(By::Argument, "./app")),
            (&["env", "--chdir=/x", "./app"], one(By::Argument, "./app")),
            (&["sh", "-s"], vec![]),
            (&["timeout", "-k", "3", "5", "app"], one(By::Launcher, "app")),
            (&["nice", "-n", "5", "app"], one(By::Launcher, "app")),
            (&["tini", "-s", "--", "app"], one(By::Launcher, "app")),
            (&["/entrypoint", "--flag", "app", "x"], one(By::Argument, "app x")),
            (&[], vec![]),
        ] {
            assert_eq!(of(words), expected, "{words:?}");
        }
    }
}
