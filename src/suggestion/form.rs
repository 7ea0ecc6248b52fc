//! The form "is something missing or wrong?".

use super::Wish;
use crate::form::{Form, Problem, is_slug};

/// The most characters of a name, as an entry has it (docs/content.md).
pub const MAX_NAME: usize = 80;

/// The most characters of an image's name.
pub const MAX_IMAGE: usize = 255;

/// The most characters of a licence expression.
pub const MAX_LICENSE: usize = 200;

/// The most characters of a description, as an entry has it.
pub const MAX_DESCRIPTION: usize = 140;

/// The most characters of a comment.
pub const MAX_COMMENT: usize = 2000;

/// Reads the fields `entry`, `name`, `image`, `home`, `source`, `license`, `description` and `comment`, in any order; others are
/// passed over. `entry` or `name` is needed, and one of those behind them.
///
/// # Errors
/// All that is wrong: the field's name, and a sentence for people.
pub fn read(fields: &[(String, String)]) -> Result<Wish, Vec<Problem>> {
    let mut form = Form::of(fields);
    let entry = form.line("entry", MAX_NAME);
    if !entry.is_empty() && !is_slug(&entry) {
        form.note("entry", "There is no entry of this name.");
    }
    let wish = Wish {
        entry: (!entry.is_empty()).then_some(entry),
        name: form.line("name", MAX_NAME),
        image: form.line("image", MAX_IMAGE),
        home: form.address("home"),
        source: form.address("source"),
        license: form.line("license", MAX_LICENSE),
        description: form.line("description", MAX_DESCRIPTION),
        comment: form.lines("comment", MAX_COMMENT),
    };
    if wish.entry.is_none() && wish.name.is_empty() {
        form.note("name", "Say which software it is.");
    }
    let said = [&wish.image, &wish.home, &wish.source, &wish.license, &wish.description, &wish.comment];
    if said.iter().all(|text| text.is_empty()) {
        form.note("comment", "Say what is missing or wrong.");
    }
    form.finish(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(typed: &[(&str, &str)]) -> Vec<(String, String)> {
        typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn wrong(typed: &[(&str, &str)]) -> Vec<String> {
        read(&fields(typed)).unwrap_err().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_suggestion_is_about_something_and_says_something() {
        let wish = read(&fields(&[
            ("entry", "nginx"),
            ("comment", " It has\r\nmoved. "),
            ("home", "https://nginx.org/"),
            ("website", "unknown"),
        ]))
        .unwrap();
        let expected = Wish {
            entry: Some("nginx".into()),
            home: "https://nginx.org/".into(),
            comment: "It has\nmoved.".into(),
            ..Wish::default()
        };
        assert_eq!(wish, expected);
        assert!(read(&fields(&[("name", "Foo"), ("image", "foo")])).is_ok());
        assert_eq!(wrong(&[]), ["name", "comment"]);
        assert_eq!(wrong(&[("entry", " "), ("name", ""), ("comment", "x")]), ["name"]);
        assert_eq!(wrong(&[("entry", "nginx"), ("name", "NGINX")]), ["comment"]);
    }

    #[test]
    fn what_is_wrong_is_told_of_each_field() {
        let long = "a".repeat(MAX_COMMENT + 1);
        let typed = [
            ("entry", "../../etc/passwd"),
            ("name", "a\u{202e}b"),
            ("image", "a\nb"),
            ("home", "javascript:alert(1)"),
            ("source", "https://me@a.example/"),
            ("license", "MIT"),
            ("license", "MIT"),
            ("description", &long[..=MAX_DESCRIPTION]),
            ("comment", &long),
        ];
        let names = ["entry", "name", "image", "home", "source", "license", "description", "comment"];
        assert_eq!(wrong(&typed), names);
        let told = read(&fields(&typed)).unwrap_err();
        assert!(told.iter().all(|(_, sentence)| sentence.ends_with('.')), "{told:?}");
        let at_most = "a".repeat(MAX_COMMENT);
        assert!(read(&fields(&[("name", "a"), ("comment", &at_most)])).is_ok());
    }
}
