//! Variables within a text: `$name`, `${name}`, and `${name:-default}` with its relatives.
//!
//! Dockerfiles and compose files have them in common; the former are read like a shell's words besides, with quotes
//! and an escape character, and in the latter `$$` is a dollar.

use std::iter;

use workson_oci::reference::MAX_REFERENCE_LEN;

/// How long a text may become, in bytes. Variables that hold each other can double it with each step.
const MAX_LENGTH: usize = MAX_REFERENCE_LEN;
/// How deep a default may stand within a default.
const MAX_DEPTH: usize = 16;

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// It has a value.
    Is(String),
    /// It has none unless somebody gives it one, and why nothing can be told by it, as in "it …".
    Unset(String),
    /// It has one, which can't be told.
    Unknown(String),
}

/// How variables are put into a text.
pub(super) struct Expansion<'a> {
    /// The escape character, where texts are words of a shell.
    pub(super) escape: Option<char>,
    /// What a variable is.
    pub(super) look_up: &'a dyn Fn(&str) -> Variable,
}

impl Expansion<'_> {
    /// `text` with its variables put in; or why that can't be done, as in "its image …".
    pub(super) fn of(&self, text: &str) -> Result<String, String> {
        self.part(text, 0)
    }

    fn part(&self, text: &str, depth: usize) -> Result<String, String> {
        if depth > MAX_DEPTH {
            return Err(format!("has variables within variables, more than {MAX_DEPTH} deep"));
        }
        let mut out = String::new();
        let mut rest = text;
        let mut in_quotes = false;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match (c, self.escape) {
                ('$', _) => self.variable(after, &mut out, depth)?,
                (_, Some(escape)) if c == escape => escaped(after, escape, in_quotes, &mut out),
                ('"', Some(_)) => {
                    in_quotes = !in_quotes;
                    after
                }
                ('\'', Some(_)) if !in_quotes => {
                    let (inside, after) = after.split_once('\'').ok_or("has a ' that is not closed")?;
                    out.push_str(inside);
                    after
                }
                _ => {
                    out.push(c);
                    after
                }
            };
            if out.len() > MAX_LENGTH {
                return Err(format!("becomes longer than {MAX_LENGTH} bytes with its variables put in"));
            }
        }
        if in_quotes { Err("has a \" that is not closed".into()) } else { Ok(out) }
    }

    /// Puts in what stands behind a `$`, and gives back what follows it.
    fn variable<'t>(&self, text: &'t str, out: &mut String, depth: usize) -> Result<&'t str, String> {
        if let Some(after) = text.strip_prefix('{') {
            let end = self.end(after).ok_or("has a ${ that is not closed")?;
            out.push_str(&self.braced(&after[..end], depth)?);
            return Ok(&after[end + 1..]);
        }
        let (name, after) = split_name(text);
        let next = text.chars().next();
        match (name.is_empty(), self.escape, next) {
            (false, ..) => out.push_str(&self.value(name)?),
            (true, None, Some('$')) => {
                out.push('$');
                return Ok(&text[1..]);
            }
            // A shell leaves a dollar alone that is none of a variable.
            (true, Some(_), None) => out.push('$'),
            (true, Some(_), Some(c)) if !c.is_ascii_digit() && !"@*#!?-$".contains(c) => out.push('$'),
            (true, ..) => return Err("has a $ that is of no variable".into()),
        }
        Ok(after)
    }

    /// What stands between `${` and `}`.
    fn braced(&self, inside: &str, depth: usize) -> Result<String, String> {
        let (name, operator) = split_name(inside);
        if name.is_empty() {
            return Err("has a ${…} that names no variable".into());
        }
        if operator.is_empty() {
            return self.value(name);
        }
        let (empty_is_unset, rest) =
            operator.strip_prefix(':').map_or((false, operator), |rest| (true, rest));
        let set = match (self.look_up)(name) {
            Variable::Is(value) if empty_is_unset && value.is_empty() => Err(None),
            Variable::Is(value) => Ok(value),
            Variable::Unset(why) => Err(Some(why)),
            Variable::Unknown(why) => return Err(why),
        };
        match (rest.chars().next(), set) {
            (Some('-'), Ok(value)) => Ok(value),
            (Some('-'), Err(_)) | (Some('+'), Ok(_)) => self.part(&rest[1..], depth + 1),
            (Some('+'), Err(_)) => Ok(String::new()),
            (Some('?'), Ok(value)) => Ok(value),
            (Some('?'), Err(why)) => Err(why.unwrap_or_else(|| format!("hangs on {name}, which is empty"))),
            _ => Err(format!("has ${{{name}…}} in a form that is not read here")),
        }
    }

    fn value(&self, name: &str) -> Result<String, String> {
        match (self.look_up)(name) {
            Variable::Is(value) => Ok(value),
            Variable::Unset(why) | Variable::Unknown(why) => Err(why),
        }
    }

    /// Where the `}` is that closes what `text` is the inside of.
    fn end(&self, text: &str) -> Option<usize> {
        let mut open = 1;
        let mut chars = text.char_indices();
        let mut before = ' ';
        while let Some((at, c)) = chars.next() {
            match c {
                _ if Some(c) == self.escape => {
                    chars.next();
                }
                '\'' if self.escape.is_some() => {
                    chars.find(|(_, c)| *c == '\'')?;
                }
                '{' if before == '$' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Some(at);
            }
            before = c;
        }
        None
    }
}

/// Takes what is escaped off `text`. Within quotes, only what is special there can be.
fn escaped<'t>(text: &'t str, escape: char, in_quotes: bool, out: &mut String) -> &'t str {
    let Some(c) = text.chars().next() else { return text };
    if in_quotes && c != '"' && c != '$' && c != escape {
        out.push(escape);
    }
    out.push(c);
    &text[c.len_utf8()..]
}

/// The name that `text` begins with, and what follows it.
fn split_name(text: &str) -> (&str, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return ("", text);
    }
    text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()))
}

/// The words of a text, as they are written: blanks within quotes, and those that are escaped, part none.
pub(super) fn words(text: &str, escape: char) -> impl Iterator<Item = &str> {
    let mut rest = text;
    iter::from_fn(move || {
        let (word, after) = split_word(rest, escape)?;
        rest = after;
        Some(word)
    })
}

/// The first word of a text, and what follows it.
pub(super) fn split_word(text: &str, escape: char) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match quote {
            None if c.is_whitespace() => return Some(text.split_at(at)),
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ if c == escape && quote != Some('\'') => {
                chars.next();
            }
            _ => {}
        }
    }
    (!text.is_empty()).then_some((text, ""))
}

/// A word without its quotes and escapes.
pub(super) fn unquoted(word: &str, escape: char) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ if c == escape && quote != Some('\'') => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(name: &str) -> Variable {
        match name {
            "one" => Variable::Is("1".into()),
            "none" => Variable::Is(String::new()),
            "hidden" => Variable::Unknown("hangs on hidden".into()),
            name => Variable::Unset(format!("hangs on {name}")),
        }
    }

    #[test]
    fn variables_are_put_in_as_the_compose_specification_says() {
        let expansion = Expansion { escape: None, look_up: &look_up };
        for (text, expected) in [
            ("a", Ok("a")),
            ("$one-${one}", Ok("1-1")),
            ("$$one $${one} $$$one", Ok("$one ${one} $1")),
            ("${one:-2}${one-2}${one:+2}${one+2}", Ok("1122")),
            ("${none:-2}|${none-2}|${none:+2}|${none+2}", Ok("2|||2")),
            ("${no:-2}|${no-2}|${no:+2}|${no+2}|", Ok("2|2|||")),
            ("${no:-}", Ok("")),
            ("${one:?must}${one?must}${none?must}", Ok("11")),
            ("${no:-a:b/c@d-e}", Ok("a:b/c@d-e")),
            ("${no:-${nor:-${one}}}x}", Ok("1x}")),
            // What is not needed is not looked at.
            ("${one:-$hidden}${no:+$hidden}", Ok("1")),
            // Quotes and backslashes are what they are.
            ("\"'\\$one", Ok("\"'\\1")),
            ("$no", Err("hangs on no")),
            ("${no}", Err("hangs on no")),
            ("${no:-$nor}", Err("hangs on nor")),
            ("${no:?must}", Err("hangs on no")),
            ("${none:?must}", Err("hangs on none, which is empty")),
            ("${hidden:-2}", Err("hangs on hidden")),
            ("$", Err("has a $ that is of no variable")),
            ("a$ b", Err("has a $ that is of no variable")),
            ("$1", Err("has a $ that is of no variable")),
            ("${", Err("has a ${ that is not closed")),
            ("${one", Err("has a ${ that is not closed")),
            ("${one:-${no:-2}", Err("has a ${ that is not closed")),
            ("${}", Err("has a ${…} that names no variable")),
            ("${1}", Err("has a ${…} that names no variable")),
            ("${one/1/2}", Err("has ${one…} in a form that is not read here")),
            ("${one:}", Err("has ${one…} in a form that is not read here")),
        ] {
            assert_eq!(expansion.of(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn words_of_dockerfiles_are_read_as_a_shell_does() {
        let expansion = Expansion { escape: Some('\\'), look_up: &look_up };
        for (text, expected) in [
            ("\"a $one\"'b $one'", Ok("a 1b $one")),
            ("\\$one\\a\\\\", Ok("$onea\\")),
            ("\"\\$one \\a \\\" '$one'\"", Ok("$one \\a \" '1'")),
            ("a$ $/ $", Ok("a$ $/ $")),
            ("${no:-'}'}${no:-\\}}", Ok("}}")),
            ("'a", Err("has a ' that is not closed")),
            ("\"a", Err("has a \" that is not closed")),
            ("$$", Err("has a $ that is of no variable")),
        ] {
            assert_eq!(expansion.of(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        let expansion = Expansion { escape: Some('`'), look_up: &look_up };
        assert_eq!(expansion.of("c:\\a`$one").unwrap(), "c:\\a$one");
    }

    #[test]
    fn neither_depth_nor_length_is_without_end() {
        let expansion = Expansion { escape: None, look_up: &|_| Variable::Is("x".repeat(300)) };
        assert_eq!(expansion.of("$a$a$a").unwrap().len(), 900);
        assert!(expansion.of("$a$a$a$a").unwrap_err().contains("longer than 1024 bytes"));
        let expansion = Expansion { escape: None, look_up: &look_up };
        let deep = |depth: usize| expansion.of(&format!("{}{}", "${a:-".repeat(depth), "}".repeat(depth)));
        assert_eq!(deep(MAX_DEPTH).unwrap(), "");
        assert!(deep(MAX_DEPTH + 1).unwrap_err().contains("deep"));
        assert!(deep(10_000).unwrap_err().contains("deep"));
    }

    #[test]
    fn blanks_within_quotes_part_no_words() {
        let found: Vec<&str> = words("  a \"b c\"d 'e \\' f\\ g  \"h", '\\').collect();
        assert_eq!(found, ["a", "\"b c\"d", "'e \\'", "f\\ g", "\"h"]);
        assert_eq!(unquoted("\"b c\"d'\"'\\'", '\\'), "b cd\"'");
    }
}
