//! The form of a call for proposals.

use super::{Contact, Request, Usage};
use crate::form::{Form, MAX_ADDRESS, Problem, address};

/// The most characters of a project's name.
pub const MAX_PROJECT: usize = 100;

/// The most characters of who benefits, and how.
pub const MAX_BENEFITS: usize = 2000;

/// The most characters of a licence.
pub const MAX_LICENSE: usize = 200;

/// The most links beside the source.
pub const MAX_LINKS: usize = 10;

/// The most platforms that machines are wanted of.
pub const MAX_PLATFORMS: usize = 20;

/// The most characters of a platform.
pub const MAX_PLATFORM: usize = 40;

/// The most characters of what machines are wanted.
pub const MAX_MACHINES: usize = 1000;

/// The most characters of what continuous integration is in use.
pub const MAX_CI: usize = 200;

/// The most characters of a contact's name.
pub const MAX_CONTACT: usize = 100;

/// The most characters of what is chosen from a few.
const MAX_CHOICE: usize = 40;

/// The most bytes of an address for mail (RFC 5321, 4.5.3.1.3, as RFC 3696's erratum 1690 counts them).
pub const MAX_EMAIL: usize = 254;

/// Reads the fields `project`, `benefits`, `source`, `license`, `links` (several lines or fields), `platforms` (several fields),
/// `machines`, `usage` (`one-off`, `continuous`), `ci`, `name`, `email` and `agree` (`yes`), in any order; others are passed
/// over. `links`, `ci` and `name` may be empty.
///
/// # Errors
/// All that is wrong: the field's name, and a sentence for people.
pub fn read(fields: &[(String, String)]) -> Result<(Request, Contact), Vec<Problem>> {
    let mut form = Form::of(fields);
    let request = Request {
        project: form.line("project", MAX_PROJECT),
        benefits: form.lines("benefits", MAX_BENEFITS),
        source: form.address("source"),
        license: form.line("license", MAX_LICENSE),
        links: links(&mut form),
        platforms: platforms(&mut form),
        machines: form.lines("machines", MAX_MACHINES),
        usage: usage(&mut form),
        ci: form.line("ci", MAX_CI),
    };
    form.need("project", &request.project, "Say which project it is.");
    form.need("benefits", &request.benefits, "Say who benefits, and how.");
    form.need("source", &request.source, "Say where its source is.");
    form.need("license", &request.license, "Say under which open licence it is.");
    form.need("machines", &request.machines, "Say what machines it needs: how many, how large.");
    let contact = Contact { name: form.line("name", MAX_CONTACT), email: email(&mut form) };
    if form.line("agree", MAX_CHOICE) != "yes" {
        form.note("agree", "This has to be agreed to.");
    }
    form.finish((request, contact))
}

/// One address a line, or a field, each once.
fn links(form: &mut Form<'_>) -> Vec<String> {
    let mut links = Vec::new();
    for typed in form.all("links").flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty()) {
        if links.len() == MAX_LINKS {
            form.note("links", format!("{MAX_LINKS} links are the most."));
            break;
        }
        match address(typed) {
            Ok(link) if links.contains(&link) => {}
            Ok(link) => links.push(link),
            Err(_) => {
                let what = format!(
                    "Each line has to be an address like https://example.org/project, of at most {MAX_ADDRESS} characters."
                );
                form.note("links", what);
                break;
            }
        }
    }
    links
}

fn platforms(form: &mut Form<'_>) -> Vec<String> {
    let mut platforms: Vec<String> = Vec::new();
    for typed in form.all("platforms").map(str::trim) {
        if typed.len() > MAX_PLATFORM || !is_platform(typed) {
            form.note("platforms", "A platform is written like linux/arm64.");
            break;
        }
        if platforms.iter().any(|platform| platform == typed) {
            continue;
        }
        if platforms.len() == MAX_PLATFORMS {
            form.note("platforms", format!("{MAX_PLATFORMS} platforms are the most."));
            break;
        }
        platforms.push(typed.to_owned());
    }
    if platforms.is_empty() {
        form.note("platforms", "Choose what machines are wanted of.");
    }
    platforms
}

/// Whether a text is shaped like `linux/arm64` or `linux/arm/v7`.
fn is_platform(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (2..=3).contains(&text.split('/').count()) && text.split('/').all(is_part)
}

fn usage(form: &mut Form<'_>) -> Usage {
    let typed = form.line("usage", MAX_CHOICE);
    Usage::from_name(&typed).unwrap_or_else(|| {
        form.note("usage", "Choose for how long.");
        Usage::default()
    })
}

/// An address for mail, as plain as they nearly all are: what stands in a mail's head must not be more than one.
fn email(form: &mut Form<'_>) -> String {
    let typed = form.line("email", MAX_EMAIL);
    if !is_email(&typed) {
        form.note("email", "This has to be one address for mail, like name@example.org.");
    }
    typed
}

fn is_email(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || "@,;:<>()[]\"\\".contains(c);
    let Some((user, domain)) = text.split_once('@') else { return false };
    let is_domain = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    text.len() <= MAX_EMAIL
        && !user.is_empty()
        && is_domain
        && !user.contains(is_odd)
        && !domain.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [(&str, &str); 12] = [
        ("project", " Tinyhttpd "),
        ("benefits", "Everyone\r\nwho serves."),
        ("source", "https://git.example/tinyhttpd"),
        ("license", "MIT"),
        ("links", "https://a.example/\r\n\r\n https://b.example/\r\nhttps://a.example/"),
        ("platforms", "linux/arm64"),
        ("platforms", "linux/arm/v7"),
        ("machines", "One, 4 cores."),
        ("usage", "continuous"),
        ("name", ""),
        ("email", " me@mail.example "),
        ("agree", "yes"),
    ];

    /// The right form with fields of some names in place of those.
    fn with(typed: &[(&str, &str)]) -> Vec<(String, String)> {
        let kept = RIGHT.iter().filter(|(name, _)| !typed.iter().any(|(other, _)| name == other));
        kept.chain(typed).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn wrong(typed: &[(&str, &str)]) -> Vec<String> {
        read(&with(typed)).unwrap_err().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn a_form_that_is_right_is_read() {
        let (request, contact) = read(&with(&[("unknown", "x"), ("links", "http://c.example/")])).unwrap();
        assert_eq!(request.links, ["http://c.example/"]);
        let (more, _) = read(&with(&[])).unwrap();
        let expected = Request {
            project: "Tinyhttpd".into(),
            benefits: "Everyone\nwho serves.".into(),
            source: "https://git.example/tinyhttpd".into(),
            license: "MIT".into(),
            links: vec!["https://a.example/".into(), "https://b.example/".into()],
            platforms: vec!["linux/arm64".into(), "linux/arm/v7".into()],
            machines: "One, 4 cores.".into(),
            usage: Usage::Continuous,
            ci: String::new(),
        };
        assert_eq!(more, expected);
        assert_eq!(contact, Contact { name: String::new(), email: "me@mail.example".into() });
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let names: Vec<String> = read(&[]).unwrap_err().into_iter().map(|(name, _)| name).collect();
        let mut expected = vec!["platforms", "usage", "project", "benefits", "source", "license", "machines"];
        expected.extend(["email", "agree"]);
        assert_eq!(names, expected);
    }

    #[test]
    fn each_field_has_its_bounds() {
        for (name, most) in [
            ("project", MAX_PROJECT),
            ("benefits", MAX_BENEFITS),
            ("license", MAX_LICENSE),
            ("machines", MAX_MACHINES),
            ("ci", MAX_CI),
            ("name", MAX_CONTACT),
        ] {
            assert!(read(&with(&[(name, &"\u{e4}".repeat(most))])).is_ok(), "{name}");
            assert_eq!(wrong(&[(name, &"\u{e4}".repeat(most + 1))]), [name]);
            assert_eq!(wrong(&[(name, "a\u{202e}b")]), [name]);
            assert_eq!(wrong(&[(name, "a\0b")]), [name]);
            assert_eq!(wrong(&[(name, "a"), (name, "a")]), [name]);
        }
        let links: Vec<String> = (0..=MAX_LINKS).map(|at| format!("https://{at}.example/")).collect();
        assert_eq!(read(&with(&[("links", &links[1..].join("\n"))])).unwrap().0.links.len(), MAX_LINKS);
        assert_eq!(wrong(&[("links", &links.join("\n"))]), ["links"]);
        assert_eq!(wrong(&[("links", "https://a.example/"), ("links", "mailto:me@mail.example")]), ["links"]);
    }

    #[test]
    fn what_can_be_chosen_is_chosen() {
        for typed in
            ["", "linux", "linux/arm64/v8/x", "linux/", "Linux/ARM64", "linux/arm64,linux/riscv64", "../.."]
        {
            assert_eq!(wrong(&[("platforms", typed)]), ["platforms"], "{typed}");
        }
        for typed in ["", "forever", "one-off continuous"] {
            assert_eq!(wrong(&[("usage", typed)]), ["usage"], "{typed}");
        }
        for typed in ["", "no", "Yes"] {
            assert_eq!(wrong(&[("agree", typed)]), ["agree"], "{typed}");
        }
        assert_eq!(wrong(&[("usage", "one-off"), ("usage", "continuous")]), ["usage"]);
    }

    #[test]
    fn an_address_for_mail_can_not_carry_another() {
        for right in ["me@mail.example", "a.b+c@x.y.example", "\u{8001}@\u{864e}.example"] {
            assert_eq!(read(&with(&[("email", right)])).unwrap().1.email, right);
        }
        for typed in [
            "",
            "me",
            "@mail.example",
            "me@",
            "me@localhost",
            "me@.example",
            "me@mail.",
            "me@@mail.example",
            "me@mail.example,you@mail.example",
            "me@mail.example you@mail.example",
            "me@mail.example\nBcc: all@mail.example",
            "me@mail.example\r\n\r\nhello",
            "Me <me@mail.example>",
            "mailto:me@mail.example",
            "\u{202e}me@mail.example",
            &format!("{}@mail.example", "a".repeat(MAX_EMAIL)),
        ] {
            assert_eq!(wrong(&[("email", typed)]), ["email"], "{typed:?}");
        }
    }
}
