//! What a shell's text runs, as far as that is plain to see.
//!
//! Source: POSIX.1-2017, *Shell Command Language*: quoting (2.2), tokens (2.3), parameters (2.5), lists and pipelines
//! (2.9). What takes more than that (substitutions, patterns, compound commands) is not followed.

/// Commands and reserved words that bash, dash or busybox have in themselves.
const BUILT_IN: [&str; 86] = [
    "!",
    ".",
    ":",
    "[",
    "[[",
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
    "exec",
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
    "{",
    "}",
    "]",
    "]]",
    "(",
];
/// Reserved words that begin a compound command: what follows is not read.
const COMPOUND: [&str; 10] = ["if", "while", "until", "for", "case", "select", "function", "{", "!", "[["];
/// Those that change neither files nor what names and libraries are looked for by.
const HARMLESS: [&str; 22] = [
    "!", ":", "[", "[[", "]", "]]", "command", "echo", "exit", "false", "hash", "jobs", "printf", "pwd",
    "test", "times", "trap", "true", "type", "ulimit", "umask", "wait",
];
/// How many commands of one text are looked at, how many words and operators are read for that, and how long what
/// variables stand for may be together.
const MAX_COMMANDS: usize = 64;
const MAX_TOKENS: usize = 4_096;
const MAX_VALUES: usize = 128 << 10;

/// A command that a shell runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShellCommand {
    /// Its words as far as they can be told, the program's name the first.
    pub(super) words: Vec<String>,
    /// The folder that it is run in.
    pub(super) folder: String,
    /// Whether anything comes of the whole text where it fails.
    pub(super) certainty: Certainty,
}

/// How certain it is that a command is run as the image has it, and that nothing comes of the whole text where it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    /// It is.
    Certain,
    /// It is, unless a command before it changes files or variables.
    Likely,
    /// It may not be run, or something else may follow.
    Possible,
}

/// What a shell knows when it starts.
pub(super) struct Environment<'a> {
    /// The value of a variable.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// `$0` and the words behind it.
    pub(super) parameters: &'a [String],
    /// The folder that it is started in.
    pub(super) folder: &'a str,
}

/// What stands between two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    Pipe,
    /// `;` or the end of a line.
    Then,
    /// `&`
    Beside,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A word; none where it can't be told.
    Word(Option<String>),
    /// The words of `"$@"`.
    Words(Vec<String>),
    Operator(Operator),
    /// `<`, `>` and the like; a word follows that is no part of the command.
    Redirection,
    /// Something from which on nothing can be told.
    Beyond,
}

/// A simple command: its words, and what stands behind it.
type Simple = (Vec<Option<String>>, Option<Operator>);

/// The programs that `text` runs, and whether that was read to its end.
pub(super) fn commands(text: &str, environment: &Environment<'_>) -> (Vec<ShellCommand>, bool) {
    let lexer = Lexer { text, rest: text, environment, room: MAX_VALUES };
    let (mut commands, mut is_whole) = split(lexer.tokens());
    // What is executed in the shell's place is the last, and so is what stands before an exit.
    let ends = |at: usize| is_unconditional(&commands, at) && is_end(&commands[at]);
    if let Some(at) = (0..commands.len()).find(|at| ends(*at)) {
        commands.truncate(at + 1);
        is_whole = true;
    }
    let decisive = if is_whole { decisive(&commands) } else { commands.len() };
    let mut reading =
        Reading { folder: Some(environment.folder.to_owned()), is_altered: false, found: Vec::new() };
    for (at, (words, operator)) in commands.iter().take(MAX_COMMANDS).cloned().enumerate() {
        let is_alone =
            operator != Some(Operator::Or) && (at == 0 || commands[at - 1].1 != Some(Operator::Or));
        let in_pipe = operator == Some(Operator::Pipe);
        reading.command(words, at >= decisive && !in_pipe, is_alone && !in_pipe);
    }
    (reading.found, is_whole)
}

/// What is known while the commands are gone along.
struct Reading {
    /// Where the shell is; none where that can't be told.
    folder: Option<String>,
    /// Whether something was run that may have changed files or variables.
    is_altered: bool,
    found: Vec<ShellCommand>,
}

impl Reading {
    /// Takes a command. `is_alone`: it is run whatever came of others, and others are run whatever comes of it.
    fn command(&mut self, mut words: Vec<Option<String>>, decides: bool, is_alone: bool) {
        let set = words.iter().take_while(|word| word.as_ref().is_some_and(|word| is_assignment(word)));
        let set: Vec<String> = set.flatten().cloned().collect();
        words.drain(..set.len());
        // Where names and libraries are looked for then is not known.
        let leads = set.iter().any(|set| set.starts_with("PATH=") || set.starts_with("LD_"));
        self.is_altered |= words.is_empty() && leads;
        while let [Some(first), next, ..] = &words[..]
            && ["exec", "command", "time"].contains(&first.as_str())
        {
            if next.as_ref().is_none_or(|next| next.starts_with('-')) {
                return;
            }
            words.remove(0);
        }
        let told: Vec<String> = words.iter().map_while(Clone::clone).collect();
        let Some(first) = told.first() else {
            self.is_altered |= !words.is_empty();
            return;
        };
        if ["cd", "chdir"].contains(&first.as_str()) {
            let next = told.get(1).filter(|_| told.len() == 2 && words.len() == 2 && is_alone);
            self.folder = self.folder.take().zip(next).map(|(folder, next)| joined(&folder, next));
            return;
        }
        if BUILT_IN.contains(&first.as_str()) {
            self.is_altered |= !HARMLESS.contains(&first.as_str());
            return;
        }
        let is_relative = first.contains('/') && !first.starts_with('/');
        let folder = self.folder.clone().or((!is_relative).then(String::new));
        if let Some(folder) = folder {
            let certainty = match decides {
                true if self.is_altered || leads => Certainty::Likely,
                true => Certainty::Certain,
                false => Certainty::Possible,
            };
            self.found.push(ShellCommand { words: told, folder, certainty });
        }
        self.is_altered = true;
    }
}

/// Whether a command is run whatever came of those before it.
fn is_unconditional(commands: &[Simple], at: usize) -> bool {
    at == 0 || matches!(commands[at - 1].1, Some(Operator::Then | Operator::Beside))
}

/// Whether nothing is run behind it: `exec` with a program, or `exit`.
fn is_end((words, _): &Simple) -> bool {
    match &words[..] {
        [Some(first), _, ..] if first == "exec" => true,
        [Some(first), ..] => first == "exit",
        _ => false,
    }
}

/// The commands, each with what stands behind it, and whether that is all of them.
fn split(tokens: Vec<Token>) -> (Vec<Simple>, bool) {
    let mut commands = Vec::new();
    let mut words: Vec<Option<String>> = Vec::new();
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(Some(word)) if words.is_empty() && COMPOUND.contains(&word.as_str()) => {
                return (commands, false);
            }
            Token::Word(word) => words.push(word),
            Token::Words(more) => words.extend(more.into_iter().map(Some)),
            Token::Redirection => {
                tokens.next();
            }
            // A line that ends in an operator goes on in the next.
            Token::Operator(_) if words.is_empty() => {}
            Token::Operator(operator) => commands.push((std::mem::take(&mut words), Some(operator))),
            Token::Beyond => return (commands, false),
        }
    }
    if !words.is_empty() {
        commands.push((words, None));
    }
    (commands, true)
}

/// From which command on a failure is that of the whole text: the last list that is joined by `&&` and `|` alone.
fn decisive(commands: &[Simple]) -> usize {
    if commands.last().is_some_and(|(_, operator)| *operator == Some(Operator::Beside)) {
        return commands.len();
    }
    let last = commands.len().saturating_sub(1);
    let is_end = |operator: &Option<Operator>| matches!(operator, Some(Operator::Then | Operator::Beside));
    let before = commands[..last].iter().rposition(|(_, operator)| is_end(operator));
    let begin = before.map_or(0, |at| at + 1);
    let has_or = commands[begin..].iter().any(|(_, operator)| *operator == Some(Operator::Or));
    if has_or { commands.len() } else { begin }
}

fn joined(folder: &str, next: &str) -> String {
    if next.starts_with('/') { next.to_owned() } else { format!("{folder}/{next}") }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

struct Lexer<'a, 'b> {
    text: &'a str,
    rest: &'a str,
    environment: &'a Environment<'b>,
    /// How long what variables stand for may still be.
    room: usize,
}

impl Lexer<'_, '_> {
    fn tokens(mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Some(token) = self.next() {
            let is_end = token == Token::Beyond;
            tokens.push(token);
            if is_end {
                break;
            }
            if tokens.len() >= MAX_TOKENS {
                tokens.push(Token::Beyond);
                break;
            }
        }
        tokens
    }

    fn take(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
            if self.take("\\\n") {
                continue;
            }
            if !self.rest.starts_with('#') {
                break;
            }
            self.rest = self.rest.find('\n').map_or("", |at| &self.rest[at..]);
        }
        let operators = [
            ("&&", Operator::And),
            ("||", Operator::Or),
            (";;", Operator::Then),
            (";", Operator::Then),
            ("\n", Operator::Then),
            ("|&", Operator::Pipe),
            ("|", Operator::Pipe),
        ];
        for (text, operator) in operators {
            if self.take(text) {
                return Some(Token::Operator(operator));
            }
        }
        if self.rest.starts_with("<<") || self.rest.starts_with(['(', ')']) {
            return Some(Token::Beyond);
        }
        if self.rest.starts_with("&>") || self.rest.starts_with(['<', '>']) {
            self.rest = self.rest.trim_start_matches(['<', '>', '&', '|']);
            return Some(Token::Redirection);
        }
        if self.take("&") {
            return Some(Token::Operator(Operator::Beside));
        }
        if self.rest.is_empty() { None } else { Some(self.word()) }
    }

    fn word(&mut self) -> Token {
        // `2>&1`: the number belongs to what follows.
        let digits = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if digits.len() < self.rest.len() && digits.starts_with(['<', '>']) {
            self.rest = digits.trim_start_matches(['<', '>', '&', '|']);
            return Token::Redirection;
        }
        for all in ["\"$@\"", "$@"] {
            if let Some(rest) = self.rest.strip_prefix(all)
                && rest.chars().next().is_none_or(|next| " \t\n;&|".contains(next))
            {
                self.rest = rest;
                let all = self.environment.parameters.get(1..).unwrap_or_default();
                let length = all.iter().map(|word| word.len() + 1).sum();
                let words = self.has_room(length).then(|| all.to_vec());
                return words.map_or(Token::Beyond, Token::Words);
            }
        }
        let (mut word, mut is_told) = (String::new(), true);
        while let Some(next) = self.rest.chars().next() {
            match next {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' => {
                    let Some((text, rest)) = self.rest[1..].split_once('\'') else { return Token::Beyond };
                    word.push_str(text);
                    self.rest = rest;
                }
                '"' => {
                    self.rest = &self.rest[1..];
                    match self.quoted() {
                        Some(Some(text)) => word.push_str(&text),
                        Some(None) => is_told = false,
                        None => return Token::Beyond,
                    }
                }
                '\\' => {
                    let mut after = self.rest[1..].chars();
                    word.extend(after.next().filter(|next| *next != '\n'));
                    self.rest = after.as_str();
                }
                '$' => match self.parameter() {
                    // A value is split into words where it is not quoted.
                    Some(Some(text)) if !text.contains([' ', '\t', '\n', '*', '?', '[']) => {
                        word.push_str(&text)
                    }
                    Some(_) => is_told = false,
                    None => return Token::Beyond,
                },
                '`' => {
                    if !self.backquoted() {
                        return Token::Beyond;
                    }
                    is_told = false;
                }
                _ => {
                    // Patterns and home folders; `[` and `[[` alone are commands.
                    is_told &= !matches!(next, '*' | '?') && (next != '~' || !word.is_empty());
                    word.push(next);
                    self.rest = &self.rest[next.len_utf8()..];
                }
            }
        }
        Token::Word(Some(word).filter(|_| is_told))
    }

    /// What stands in double quotes, up to the second one: none inside where it can't be told; none at all where nothing
    /// can be told from here on.
    fn quoted(&mut self) -> Option<Option<String>> {
        let mut text = Some(String::new());
        loop {
            let next = self.rest.chars().next()?;
            match next {
                '"' => {
                    self.rest = &self.rest[1..];
                    return Some(text);
                }
                '`' => {
                    if !self.backquoted() {
                        return None;
                    }
                    text = None;
                }
                '$' => match self.parameter()? {
                    Some(value) => text.iter_mut().for_each(|text| text.push_str(&value)),
                    None => text = None,
                },
                '\\' => {
                    let mut after = self.rest[1..].chars();
                    let escaped = after.next()?;
                    if let Some(text) = &mut text {
                        if !"\"\\$`\n".contains(escaped) {
                            text.push('\\');
                        }
                        text.extend(Some(escaped).filter(|next| *next != '\n'));
                    }
                    self.rest = after.as_str();
                }
                _ => {
                    text.iter_mut().for_each(|text| text.push(next));
                    self.rest = &self.rest[next.len_utf8()..];
                }
            }
        }
    }

    /// The value of `$NAME`, `${NAME}` or `$0`: none inside where it can't be told; none at all at a substitution.
    fn parameter(&mut self) -> Option<Option<String>> {
        self.rest = &self.rest[1..];
        if self.rest.starts_with('(') {
            return self.parenthesised().then_some(None);
        }
        if let Some(rest) = self.rest.strip_prefix('{') {
            let (name, rest) = rest.split_once('}')?;
            self.rest = rest;
            return Some(self.value(name));
        }
        let end = |c: char| c != '_' && !c.is_ascii_alphanumeric();
        let mut length = self.rest.find(end).unwrap_or(self.rest.len());
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            length = 1;
        }
        if length == 0 {
            // `$?`, `$$`, `$@` within a word; a `$` alone stands for itself.
            let special = self.rest.chars().next().filter(|next| "?$!#@*-".contains(*next));
            self.rest = &self.rest[special.map_or(0, char::len_utf8)..];
            return Some(special.is_none().then(|| "$".to_owned()));
        }
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(self.value(name))
    }

    /// Passes over what stands in parentheses; whether they end.
    fn parenthesised(&mut self) -> bool {
        let (mut depth, mut quote, mut is_escaped) = (0_usize, None, false);
        for (at, next) in self.rest.char_indices() {
            match (next, quote) {
                _ if is_escaped => is_escaped = false,
                ('\\', quote) if quote != Some('\'') => is_escaped = true,
                (next, Some(begun)) if next == begun => quote = None,
                (_, Some(_)) => {}
                ('\'' | '"', None) => quote = Some(next),
                ('(', None) => depth += 1,
                (')', None) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.rest = &self.rest[at + 1..];
                return true;
            }
        }
        false
    }

    /// Passes over what stands in backquotes; whether they end.
    fn backquoted(&mut self) -> bool {
        match self.rest[1..].split_once('`') {
            Some((_, rest)) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let value = match name.parse::<usize>() {
            Ok(number) => self.environment.parameters.get(number).cloned(),
            // What the text sets itself is not followed.
            Err(_) if self.text.contains(&format!("{name}=")) || self.text.contains("read ") => None,
            Err(_) => (self.environment.variable)(name),
        };
        value.filter(|value| self.has_room(value.len()))
    }

    fn has_room(&mut self, length: usize) -> bool {
        self.room.checked_sub(length).map(|left| self.room = left).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commands as `name words in folder`, with a mark on those that decide.
    fn read(text: &str) -> Vec<String> {
        let variable = |name: &str| match name {
            "HOME_OF_APP" => Some("/srv/app".to_owned()),
            "TWO" => Some("a b".to_owned()),
            _ => None,
        };
        let parameters = ["sh", "/bin/app", "--flag"].map(str::to_owned);
        let environment = Environment { variable: &variable, parameters: &parameters, folder: "/srv" };
        let shown = |command: ShellCommand| {
            let mark = match command.certainty {
                Certainty::Certain => "!",
                Certainty::Likely => "~",
                Certainty::Possible => "?",
            };
            let folder =
                if command.folder == "/srv" { String::new() } else { format!(" in {}", command.folder) };
            format!("{mark} {}{folder}", command.words.join(" "))
        };
        commands(text, &environment).0.into_iter().map(shown).collect()
    }

    #[test]
    fn commands_are_read_as_a_shell_reads_them() {
        for (text, expected) in [
            ("app", &["! app"][..]),
            ("  exec app --flag 'a b'", &["! app --flag a b"]),
            ("\"/app/server\" -x", &["! /app/server -x"]),
            ("'/app/server'", &["! /app/server"]),
            ("/app/ser\\ver", &["! /app/server"]),
            ("A=1 B='2 3' app", &["! app"]),
            ("PATH=/x:$PATH app", &[]),
            ("PATH=/x app", &["~ app"]),
            ("cd /app && ./server", &["! ./server in /app"]),
            ("cd sub && exec ./server", &["! ./server in /srv/sub"]),
            ("cd $NOWHERE && ./server", &[]),
            ("cd $NOWHERE && server", &["! server in "]),
            ("$HOME_OF_APP/server", &["! /srv/app/server"]),
            ("\"${HOME_OF_APP}\"/server", &["! /srv/app/server"]),
            ("$UNSET/server", &[]),
            ("$TWO", &[]),
            ("a && b", &["! a", "~ b"]),
            ("a || b", &["? a", "? b"]),
            ("a || true", &["? a"]),
            ("a; b", &["? a", "~ b"]),
            ("a\nb\n", &["? a", "~ b"]),
            ("a | b", &["? a", "~ b"]),
            ("a & b", &["? a", "~ b"]),
            ("a &", &["? a"]),
            ("set -e; a > /log 2>&1; b </dev/null", &["? a", "~ b"]),
            ("a >&2 && b", &["! a", "~ b"]),
            ("exec \"$@\"", &["! /bin/app --flag"]),
            ("prepare && exec $@", &["! prepare", "~ /bin/app --flag"]),
            ("$0 -x", &["! sh -x"]),
            ("echo hello && test -f x && app", &["! app"]),
            ("# a comment\napp # another", &["! app"]),
            ("a && \\\n b", &["! a", "~ b"]),
            ("exec a; b", &["! a"]),
            ("a; exec b; (c)", &["? a", "~ b"]),
            ("[ -x a ] && exec a; exec b", &["? a", "~ b"]),
            ("app; exit 0", &["? app"]),
            ("exit 0; app", &[]),
            ("export A=1 && app", &["~ app"]),
            ("LD_LIBRARY_PATH=/x app", &["~ app"]),
            ("PATH=/x; app", &["~ app"]),
            (". /env && app", &["~ app"]),
            ("chmod +x /start && /start", &["! chmod +x /start", "~ /start"]),
            ("cd /a || cd /b; ./app", &[]),
            ("chdir /a; ./app", &["! ./app in /a"]),
            ("HOME_OF_APP=/x; $HOME_OF_APP/server", &[]),
            ("command -v app && app", &["! app"]),
            ("exec -a name app", &[]),
            ("a || exec b", &["? a", "? b"]),
            // What is not followed says nothing, and what stands before it decides nothing.
            ("a; if b; then c; fi", &["? a"]),
            ("$(which app) && b", &["~ b"]),
            ("`which app` -x", &[]),
            ("exec /app --n=$(hostname -s | tr \")\" \"(\")", &["! /app"]),
            ("/app \"`date`\" x", &["! /app"]),
            ("/app $(unclosed", &[]),
            ("(a; b)", &[]),
            ("a && (b)", &["? a"]),
            ("./*.sh", &[]),
            ("app 'unclosed", &[]),
            ("", &[]),
            ("&& ;", &[]),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_variables_stand_for_is_bounded() {
        let parameters = vec!["x".repeat(100_000); 50];
        let environment = Environment { variable: &|_| None, parameters: &parameters, folder: "/" };
        for text in ["$1".repeat(50_000), "app \"$@\" ".repeat(10_000), "app $1; ".repeat(10_000)] {
            let (found, _) = commands(&text, &environment);
            let length: usize = found.iter().flat_map(|command| &command.words).map(String::len).sum();
            assert!(length <= 2 * MAX_VALUES, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "\\PC*") {
            read(&text);
        }

        #[test]
        fn any_operators_are_read_to_their_end(text in "[a ;&|<>$\"'`\\\\(){}=\n#*0-9@?]*") {
            read(&text);
        }
    }
}
