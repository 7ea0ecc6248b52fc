//! From files to content. Reading goes on behind whatever is wrong, so that all of it is told at once.

mod call;
mod entry;
mod event;
mod fields;
mod front_matter;
mod logo;
mod markdown;
mod news;
mod noting;
mod yaml;

use std::collections::{BTreeSet, HashMap};

use self::noting::{Noting, did_you_mean, nearest_or_all};
use super::{At, Category, Content, File, MAX_FILE, Problem};

/// The folders that content has.
const FOLDERS: [&str; 6] = ["calls", "entries", "events", "logos", "news", "schema"];
const CATEGORIES: &str = "categories.yaml";

/// What entries may name.
struct Known<'a> {
    /// None where the file of categories can't be read.
    categories: Option<&'a [Category]>,
    logos: &'a BTreeSet<String>,
}

/// Something that an entry has for itself alone.
struct Claim {
    /// What two entries can't both have.
    key: (&'static str, String),
    shown: String,
    at: At,
}

impl Claim {
    fn name(name: &str, at: At) -> Claim {
        Claim { key: ("name", name.to_lowercase()), shown: format!("the name {name:?}"), at }
    }

    fn image(name: &str, at: At) -> Claim {
        Claim { key: ("image", name.to_owned()), shown: format!("the image {name}"), at }
    }
}

/// What a file is by its path.
enum What<'a> {
    Call(&'a str),
    Categories,
    /// An entry, by its slug.
    Entry(&'a str),
    Event(&'a str),
    Issue(&'a str),
    Logo(&'a str),
    /// It is for people or other programs.
    PassedOver,
    Unknown,
}

fn what(path: &str) -> What<'_> {
    let yaml = |name| stem(name, &[".yaml", ".yml"]);
    let markdown = |name| stem(name, &[".md", ".markdown"]);
    match path.split('/').collect::<Vec<_>>()[..] {
        ["README.md"] | [_, "README.md"] | ["schema", _] => What::PassedOver,
        [CATEGORIES] => What::Categories,
        ["entries", name] => yaml(name).map_or(What::Unknown, What::Entry),
        ["events", name] => yaml(name).map_or(What::Unknown, What::Event),
        ["calls", name] => markdown(name).map_or(What::Unknown, What::Call),
        ["news", name] => markdown(name).map_or(What::Unknown, What::Issue),
        ["logos", name] => stem(name, &[".svg"]).map_or(What::Unknown, What::Logo),
        _ => What::Unknown,
    }
}

fn stem<'a>(name: &'a str, ends: &[&str]) -> Option<&'a str> {
    ends.iter().find_map(|end| name.strip_suffix(end))
}

pub(super) fn read(files: &[File]) -> (Content, Vec<Problem>) {
    let mut files: Vec<&File> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut all = All::default();
    for file in &files {
        match what(&file.path) {
            What::Categories => all.read_categories(file),
            What::Logo(name) => all.read_logo(name, file),
            What::Unknown => all.note_unknown(file),
            _ => {}
        }
    }
    let has_entries = files.iter().any(|file| matches!(what(&file.path), What::Entry(_)));
    if has_entries && !files.iter().any(|file| file.path == CATEGORIES) {
        let mut noting = Noting::new(CATEGORIES);
        noting.note_file("there is no such file", "it lists the categories that entries name");
        all.problems.extend(noting.into_problems());
    }
    let logos: BTreeSet<String> = all.content.logos.keys().chain(&all.bad_logos).cloned().collect();
    for file in &files {
        match what(&file.path) {
            What::Entry(slug) => all.read_entry(slug, file, &logos),
            What::Event(slug) => all.read_event(slug, file),
            What::Issue(slug) => all.read_issue(slug, file),
            What::Call(slug) => all.read_call(slug, file),
            _ => {}
        }
    }
    all.settle()
}

#[derive(Default)]
struct All {
    content: Content,
    problems: Vec<Problem>,
    /// Whether the list of categories could be read.
    has_categories: bool,
    /// Logos that are there, and are not right.
    bad_logos: Vec<String>,
    /// Which file has a slug, by its folder.
    slugs: HashMap<(&'static str, String), String>,
    claims: Vec<(String, Claim)>,
    unknown_folders: BTreeSet<String>,
}

impl All {
    /// Keeps the problems of a file; whether there was none.
    fn keep(&mut self, noting: Noting<'_>) -> bool {
        let problems = noting.into_problems();
        let is_right = problems.is_empty();
        self.problems.extend(problems);
        is_right
    }

    fn read_categories(&mut self, file: &File) {
        let mut noting = Noting::new(&file.path);
        let node = text(file, &mut noting).and_then(|text| yaml::parse(text, &mut noting));
        if let Some(node) = node {
            self.content.categories = entry::all_categories(node, &mut noting);
            self.has_categories = true;
        }
        self.keep(noting);
    }

    fn read_logo(&mut self, name: &str, file: &File) {
        let mut noting = Noting::new(&file.path);
        check_slug(name, &mut noting);
        if let Some(text) = text(file, &mut noting) {
            logo::check(text, &mut noting);
        }
        match self.keep(noting) {
            true => drop(self.content.logos.insert(name.to_owned(), file.bytes.clone())),
            false => self.bad_logos.push(name.to_owned()),
        }
    }

    fn read_entry(&mut self, slug: &str, file: &File, logos: &BTreeSet<String>) {
        let mut noting = Noting::new(&file.path);
        let is_new = self.check_name("entries", slug, ".yaml", &mut noting);
        let categories = self.has_categories.then_some(&self.content.categories[..]);
        let known = Known { categories, logos };
        let mut claims = Vec::new();
        let node = text(file, &mut noting).and_then(|text| yaml::parse(text, &mut noting));
        let entry = node.and_then(|node| entry::entry(slug, node, &known, &mut noting, &mut claims));
        if is_new {
            self.claims.extend(claims.into_iter().map(|claim| (slug.to_owned(), claim)));
        }
        if self.keep(noting)
            && let Some(entry) = entry
        {
            self.content.entries.insert(slug.to_owned(), entry);
        }
    }

    fn read_event(&mut self, slug: &str, file: &File) {
        let mut noting = Noting::new(&file.path);
        self.check_name("events", slug, ".yaml", &mut noting);
        let node = text(file, &mut noting).and_then(|text| yaml::parse(text, &mut noting));
        let event = node.and_then(|node| event::event(slug, node, &mut noting));
        if self.keep(noting) {
            self.content.events.extend(event);
        }
    }

    fn read_issue(&mut self, slug: &str, file: &File) {
        let mut noting = Noting::new(&file.path);
        self.check_name("news", slug, ".md", &mut noting);
        let mut links = Vec::new();
        let text = text(file, &mut noting);
        let issue = text.and_then(|text| news::issue(slug, text, &mut noting, &mut links));
        // Where a link leads to nothing that is told even of an issue that has other faults.
        self.content.links.extend(links);
        if self.keep(noting)
            && let Some(news::Read { issue, until, seen }) = issue
        {
            self.content.seen.extend(seen.map(|seen| (issue.slug.clone(), seen)));
            self.content.reached.extend(until.map(|until| (issue.slug.clone(), until)));
            self.content.news.push(issue);
        }
    }

    fn read_call(&mut self, slug: &str, file: &File) {
        let mut noting = Noting::new(&file.path);
        self.check_name("calls", slug, ".md", &mut noting);
        let mut links = Vec::new();
        let text = text(file, &mut noting);
        let call = text.and_then(|text| call::call(slug, text, &mut noting, &mut links));
        self.content.links.extend(links);
        if self.keep(noting) {
            self.content.calls.extend(call);
        }
    }

    /// Notes what is wrong with a file's name; whether no other file has its slug.
    fn check_name(&mut self, folder: &'static str, slug: &str, end: &str, noting: &mut Noting<'_>) -> bool {
        check_slug(slug, noting);
        let path = noting.path().to_owned();
        if !path.ends_with(end) {
            noting.note_file(format!("its name does not end in {end}"), &format!("rename it to {slug}{end}"));
        }
        if let Some(other) = self.slugs.get(&(folder, slug.to_owned())) {
            noting.note_file(format!("{other} has the same slug, {slug}"), "take one away, or rename it");
            return false;
        }
        self.slugs.insert((folder, slug.to_owned()), path);
        true
    }

    /// Files that content has no place for. Of a folder it is told once.
    fn note_unknown(&mut self, file: &File) {
        let mut names = file.path.split('/');
        let (first, rest) = (names.next().unwrap_or_default(), names.count());
        let is_known = FOLDERS.contains(&first);
        let (path, what, hint) = match () {
            () if rest == 0 => {
                let hint = did_you_mean(first, [CATEGORIES]).unwrap_or_else(|| {
                    format!("content is {CATEGORIES} and the folders {}", FOLDERS.join(", "))
                });
                (file.path.as_str(), "content has no such file", hint)
            }
            () if !is_known => (first, "content has no such folder", nearest_or_all(first, FOLDERS)),
            () if rest > 1 => {
                let end = first.len() + 1 + file.path[first.len() + 1..].find('/').unwrap_or_default();
                (
                    &file.path[..end],
                    "folders of content have no folders",
                    format!("put its files into {first}/"),
                )
            }
            () => {
                let hint = match first {
                    "news" => "issues are files that end in .md",
                    "calls" => "calls are files that end in .md",
                    "logos" => "logos are files that end in .svg",
                    _ => "they are files that end in .yaml",
                };
                (file.path.as_str(), "content has no such file", hint.to_owned())
            }
        };
        if path == file.path || self.unknown_folders.insert(path.to_owned()) {
            let mut noting = Noting::new(path);
            noting.note_file(what, &hint);
            self.keep(noting);
        }
    }

    /// What can only be seen once everything was read.
    fn settle(mut self) -> (Content, Vec<Problem>) {
        let mut had: HashMap<(&'static str, String), (String, At)> = HashMap::new();
        for (slug, claim) in std::mem::take(&mut self.claims) {
            match had.get(&claim.key) {
                Some((other, at)) if *other != slug => {
                    let what = format!("{} is that of {} as well", claim.shown, at.file);
                    let hint = Some("each stands in one entry alone".to_owned());
                    self.problems.push(Problem { at: claim.at, what, hint });
                    self.content.entries.remove(&slug);
                }
                Some(_) => {}
                None => drop(had.insert(claim.key, (slug, claim.at))),
            }
        }
        let Content { news, events, calls, .. } = &mut self.content;
        news.sort_by(|a, b| (b.date, &b.slug).cmp(&(a.date, &a.slug)));
        events.sort_by(|a, b| (a.starts, a.ends, &a.slug).cmp(&(b.starts, b.ends, &b.slug)));
        calls.sort_by(|a, b| (b.opens, &b.slug).cmp(&(a.opens, &a.slug)));
        self.problems.sort();
        (self.content, self.problems)
    }
}

fn check_slug(slug: &str, noting: &mut Noting<'_>) {
    if !fields::is_slug(slug) {
        let hint = "names are made of small letters, digits and single hyphens, at most 64 in all";
        noting.note_file(format!("its name, {slug:?}, can't stand in an address"), hint);
    }
}

/// The text of a file. That it is none, or too long, is noted.
fn text<'f>(file: &'f File, noting: &mut Noting<'_>) -> Option<&'f str> {
    if file.bytes.len() > MAX_FILE {
        let what = format!("it is longer than {MAX_FILE} bytes, which is as much as is read");
        noting.note_file(what, "content is short texts");
        return None;
    }
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let before = &file.bytes[..error.valid_up_to()];
            let line = before.iter().filter(|b| **b == b'\n').count() as u64 + 1;
            let what = format!("byte {} of it is no UTF-8", before.len() + 1);
            noting.note(noting::Spot { line, column: 0 }, what, "save it as UTF-8".to_owned());
            None
        }
    }
}
