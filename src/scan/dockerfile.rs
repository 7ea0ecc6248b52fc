//! Dockerfiles, by the [Dockerfile reference] and, where that is silent, as `BuildKit` reads them.
//!
//! [Dockerfile reference]: https://docs.docker.com/reference/dockerfile/

use std::collections::HashMap;

use super::Findings;
use super::variables::{Expansion, Variable, split_word, unquoted, words};

/// All that the reference knows.
const INSTRUCTIONS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];
/// Variables that have a value in each build, and never an empty one.
const PLATFORMS: [&str; 6] =
    ["BUILDPLATFORM", "BUILDOS", "BUILDARCH", "TARGETPLATFORM", "TARGETOS", "TARGETARCH"];
/// Variables that have a value in each build, which may be empty.
const VARIANTS: [&str; 2] = ["BUILDVARIANT", "TARGETVARIANT"];
/// Stands around the name of a variable whose value each build has to say. It is in no text that is read.
const MARK: char = '\0';
/// No image: the stage begins with nothing.
const SCRATCH: &str = "scratch";

/// Whether the first instruction is `FROM`, maybe after some `ARG`.
pub(super) fn begins(text: &str) -> bool {
    let (instructions, _) = Lines::of(text).instructions();
    instructions.iter().find(|one| one.name != "ARG").is_some_and(|one| one.name == "FROM")
}

/// Reads a Dockerfile.
pub(super) fn read(text: &str, findings: &mut Findings) {
    let lines = Lines::of(text);
    if let Some(line) = lines.bad_escape {
        return findings.problem(line, "the escape character is neither \\ nor `, so nothing can be told");
    }
    let escape = lines.escape;
    let (instructions, unended) = lines.instructions();
    let mut reader =
        Reader { escape, variables: predefined(), stages: Vec::new(), uses: Vec::new(), findings };
    for instruction in &instructions {
        reader.instruction(instruction);
    }
    let Reader { stages, uses, .. } = reader;
    match stages.last() {
        None => findings.problem(1, "there is no FROM in it, so it is no Dockerfile"),
        Some(last) if last.is_builders => {
            let what =
                "the last stage is of the machine that builds, and so is the image, whatever is built for";
            findings.problem(last.line, what);
        }
        Some(_) => {}
    }
    for from in uses {
        from.read(&stages, findings);
    }
    if let Some((line, name)) = unended {
        findings.problem(line, format!("the text that begins with <<{name} does not end"));
    }
}

/// A line of the text, or several that are continued.
#[derive(Debug, PartialEq, Eq)]
struct Instruction {
    line: usize,
    /// In upper case.
    name: String,
    arguments: String,
}

/// The lines of a text that have not been read.
struct Lines<'a> {
    rest: std::iter::Enumerate<std::str::Lines<'a>>,
    escape: char,
    /// The line that wants an escape character that can't be one.
    bad_escape: Option<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Lines<'a> {
        let (escape, bad_escape) = match escape(text) {
            Ok(escape) => (escape, None),
            Err(line) => ('\\', Some(line)),
        };
        Lines { rest: text.lines().enumerate(), escape, bad_escape }
    }

    /// All instructions; and where a heredoc begins that does not end, and its name.
    fn instructions(mut self) -> (Vec<Instruction>, Option<(usize, String)>) {
        let mut all = Vec::new();
        while let Some((at, first)) = self.rest.next() {
            let first = first.trim_start();
            if first.is_empty() || first.starts_with('#') {
                continue;
            }
            let whole = self.continued(first);
            let Some((name, arguments)) = split_word(&whole, self.escape) else { continue };
            let (line, name, arguments) = (at + 1, name.to_ascii_uppercase(), arguments.trim().to_owned());
            let texts = heredocs(&name, &arguments, self.escape);
            all.push(Instruction { line, name, arguments });
            for text in texts {
                if !self.rest.any(|(_, line)| text.is_ended_by(line)) {
                    return (all, Some((line, text.name)));
                }
            }
        }
        (all, None)
    }

    /// `first` with the lines that continue it. Comments and blank lines among them are none of it.
    fn continued(&mut self, first: &str) -> String {
        let mut whole = String::new();
        let mut part = Some(first);
        while let Some(line) = part {
            let Some(line) = self.continued_part(line) else {
                whole.push_str(line);
                break;
            };
            whole.push_str(line);
            part = self.rest.find_map(|(_, line)| {
                let text = line.trim_start();
                (!text.is_empty() && !text.starts_with('#')).then_some(line)
            });
        }
        whole
    }

    /// `line` without the character that continues it, where there is one. One that is escaped itself does not.
    fn continued_part<'l>(&self, line: &'l str) -> Option<&'l str> {
        let line = line.trim_end_matches([' ', '\t']).strip_suffix(self.escape)?;
        (!line.ends_with(self.escape)).then_some(line)
    }
}

/// The escape character that the directives at the beginning of a text ask for; or the line of one that can't be it.
fn escape(text: &str) -> Result<char, usize> {
    for (at, line) in text.lines().enumerate() {
        let Some((key, value)) = line.trim_start().strip_prefix('#').and_then(|line| line.split_once('='))
        else {
            break;
        };
        match (key.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("escape", "\\") => return Ok('\\'),
            ("escape", "`") => return Ok('`'),
            ("escape", _) => return Err(at + 1),
            ("syntax" | "check", _) => {}
            // What is no directive is a comment, and directives stand before those.
            _ => break,
        }
    }
    Ok('\\')
}

/// A text within a Dockerfile.
struct Heredoc {
    name: String,
    /// Whether its end may be indented by tabs.
    strips_tabs: bool,
}

impl Heredoc {
    fn is_ended_by(&self, line: &str) -> bool {
        let line = if self.strips_tabs { line.trim_start_matches('\t') } else { line };
        line == self.name
    }

    /// `<<EOF`, `<<-EOF`, `3<<"EOF"`
    fn of(word: &str, escape: char) -> Option<Heredoc> {
        let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
        let (strips_tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        let name = unquoted(rest, escape);
        (!rest.contains('<') && !name.is_empty()).then_some(Heredoc { name, strips_tabs })
    }
}

fn heredocs(name: &str, arguments: &str, escape: char) -> Vec<Heredoc> {
    let (name, arguments) = match name {
        "ONBUILD" => split_word(arguments, escape).unwrap_or_default(),
        name => (name, arguments),
    };
    if !["ADD", "COPY", "RUN"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Vec::new();
    }
    let (_, rest) = flags(arguments, escape);
    // A list of words is no shell's line.
    if serde_json::from_str::<Vec<String>>(rest).is_ok() {
        return Vec::new();
    }
    words(arguments, escape).filter_map(|word| Heredoc::of(word, escape)).collect()
}

/// The flags (`--name=value`) that arguments begin with, and what follows them.
fn flags(arguments: &str, escape: char) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    let mut rest = arguments.trim_start();
    while let Some((word, after)) = split_word(rest, escape).filter(|(word, _)| word.starts_with("--")) {
        rest = after.trim_start();
        let word = unquoted(word, escape);
        let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) else { break };
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        found.push((name.to_owned(), value.to_owned()));
    }
    (found, rest)
}

/// What builds know without an `ARG`.
fn predefined() -> HashMap<String, Variable> {
    let marked = PLATFORMS.map(|name| (name, Variable::Is(format!("{MARK}{name}{MARK}"))));
    let unknown = VARIANTS.map(|name| (name, Variable::Unknown(each_build_says(name))));
    marked.into_iter().chain(unknown).map(|(name, variable)| (name.to_owned(), variable)).collect()
}

fn each_build_says(name: &str) -> String {
    format!("hangs on {name}, which each build says anew")
}

/// Which platform a stage is of.
enum Of {
    /// That which is built for.
    Target,
    /// That of the machine that builds.
    Builder,
    /// Always the same.
    Fixed(String),
}

/// A stage.
struct Stage {
    line: usize,
    /// Its name, in lower case.
    name: Option<String>,
    /// Whether it is of the machine that builds, by itself or by the stage that it begins with.
    is_builders: bool,
}

/// The variables that were declared, and the stages so far.
struct Reader<'f> {
    escape: char,
    variables: HashMap<String, Variable>,
    stages: Vec<Stage>,
    uses: Vec<Used>,
    findings: &'f mut Findings,
}

impl Stage {
    fn is(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}

impl Reader<'_> {
    fn instruction(&mut self, instruction: &Instruction) {
        let Instruction { line, name, arguments } = instruction;
        match name.as_str() {
            "ARG" if self.stages.is_empty() => self.declare(arguments),
            "FROM" => self.stage(*line, arguments),
            "COPY" => {
                let (flags, _) = flags(arguments, self.escape);
                let from = flags.into_iter().filter(|(name, _)| name == "from").map(|(_, value)| value);
                self.uses.extend(from.map(|from| Used { line: *line, from }));
            }
            "ADD" => {
                let (flags, _) = flags(arguments, self.escape);
                if flags.iter().any(|(name, _)| name == "from") {
                    self.findings.problem(*line, "ADD takes no --from, so nothing can be built of it");
                }
            }
            "RUN" => {
                let (flags, _) = flags(arguments, self.escape);
                let mounts = flags.iter().filter(|(name, _)| name == "mount");
                let fields = mounts.flat_map(|(_, value)| value.split(','));
                let from = fields.filter_map(|field| field.split_once('='));
                let from = from.filter(|(key, _)| key.trim().eq_ignore_ascii_case("from"));
                self.uses.extend(from.map(|(_, from)| Used { line: *line, from: from.to_owned() }));
            }
            name if INSTRUCTIONS.contains(&name) => {}
            name => self.findings.problem(*line, format!("{name:?} is no instruction of a Dockerfile")),
        }
    }

    /// Takes in an `ARG` before the first `FROM`. One without a default leaves what was declared before.
    fn declare(&mut self, arguments: &str) {
        for word in words(arguments, self.escape) {
            match word.split_once('=') {
                Some((name, default)) => {
                    let value = self.expanded(default).map_or_else(Variable::Unknown, Variable::Is);
                    self.variables.insert(name.to_owned(), value);
                }
                None => {
                    let unset = || Variable::Unset(format!("hangs on ARG {word}, which has no default"));
                    self.variables.entry(word.to_owned()).or_insert_with(unset);
                }
            }
        }
    }

    fn expanded(&self, word: &str) -> Result<String, String> {
        let look_up = |name: &str| {
            let undeclared = || {
                Variable::Unset(format!("hangs on {name}, for which there is no ARG before the first FROM"))
            };
            self.variables.get(name).cloned().unwrap_or_else(undeclared)
        };
        Expansion { escape: Some(self.escape), look_up: &look_up }.of(word)
    }

    fn stage(&mut self, line: usize, arguments: &str) {
        let (flags, rest) = flags(arguments, self.escape);
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (base, name) = match words[..] {
            [base] => (base, None),
            [base, r#as, name] if r#as.eq_ignore_ascii_case("as") => (base, Some(name.to_ascii_lowercase())),
            _ => {
                self.stages.push(Stage { line, name: None, is_builders: false });
                return self.findings.problem(line, "FROM takes an image, and maybe AS and a name behind it");
            }
        };
        let is_builders = self.base(line, &flags, base).unwrap_or_else(|what| {
            self.findings.problem(line, what);
            false
        });
        self.stages.push(Stage { line, name, is_builders });
    }

    /// Finds the image that a stage begins with, and whether the stage is of the machine that builds; or says why it can't be
    /// told.
    fn base(&mut self, line: usize, flags: &[(String, String)], base: &str) -> Result<bool, String> {
        let platform = flags.iter().rev().find(|(name, _)| name == "platform").map(|(_, value)| value);
        let of = match platform {
            Some(text) => self.platform(text).map_err(|why| format!("its platform {why}"))?,
            None => Of::Target,
        };
        let base = self.expanded(base).and_then(told);
        // A stage is of the platform that it was begun with, whatever is said where another one begins with it.
        let begun = base.as_ref().ok().and_then(|base| self.stages.iter().rev().find(|stage| stage.is(base)));
        if let Some(begun) = begun {
            return Ok(begun.is_builders);
        }
        if matches!(of, Of::Builder) {
            return Ok(true);
        }
        let base = base.map_err(|why| format!("its image {why}"))?;
        match of {
            Of::Fixed(platform) => Err(format!("{base} is pinned to {platform} whatever is built for")),
            _ if base == SCRATCH => Ok(false),
            _ => {
                self.findings.image(line, &base);
                Ok(false)
            }
        }
    }

    fn platform(&self, text: &str) -> Result<Of, String> {
        let text = self.expanded(text)?;
        let is = |names: &[&str]| {
            let marked: Vec<String> = names.iter().map(|name| format!("{MARK}{name}{MARK}")).collect();
            text == marked.join("/")
        };
        if text.is_empty() || is(&["TARGETPLATFORM"]) {
            Ok(Of::Target)
        } else if is(&["BUILDPLATFORM"]) || is(&["BUILDOS", "BUILDARCH"]) {
            Ok(Of::Builder)
        } else {
            told(text).map(Of::Fixed)
        }
    }
}

/// A text without any part that each build has to say.
fn told(text: String) -> Result<String, String> {
    match text.split(MARK).nth(1) {
        Some(name) => Err(each_build_says(name)),
        None => Ok(text),
    }
}

/// What is copied or mounted from: a stage by name or number, or an image.
struct Used {
    line: usize,
    from: String,
}

impl Used {
    fn read(self, stages: &[Stage], findings: &mut Findings) {
        let Used { line, from } = self;
        if from.is_empty() || from == SCRATCH || stages.iter().any(|stage| stage.is(&from)) {
            return;
        }
        if from.contains('$') {
            let what =
                format!("{from:?} is copied or mounted from, where variables are not put in; name a stage");
            return findings.problem(line, what);
        }
        if !from.bytes().all(|byte| byte.is_ascii_digit()) {
            return findings.image(line, &from);
        }
        if from.parse().ok().and_then(|number: usize| stages.get(number)).is_none() {
            findings.problem(line, format!("there is no stage {from} to copy or mount from"));
        }
    }
}
