//! The site's own words: entries of the catalogue, news, events, calls for proposals. They are files that people review; what is wrong with
//! them is told with file and line, all of it at once.
//!
//! `content/schema/` describes the files to programs; this module reads them.

mod read;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use workson_oci::Reference;

/// The content that comes with the program.
static BUNDLED: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/content");

/// How many bytes a file of content may have.
pub const MAX_FILE: usize = 1 << 20;

/// One file below the folder of content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below the folder, with `/` between names: `entries/nginx.yaml`.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Where something stands in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The file's path below the folder of content.
    pub file: String,
    /// The line, from 1 on; 0 where the whole file is meant.
    pub line: u64,
    /// The column, in characters from 1 on; 0 where the whole line is meant.
    pub column: u64,
}

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub at: At,
    /// What, a sentence without its end.
    pub what: String,
    /// What to do next.
    pub hint: Option<String>,
}

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A program, a service, a library.
    Software,
    /// A distribution of an operating system.
    Distribution,
    /// A programming language, or what runs it.
    Language,
}

impl Kind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Kind; 3] = [Kind::Software, Kind::Distribution, Kind::Language];

    /// The name in files and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Software => "software",
            Kind::Distribution => "distribution",
            Kind::Language => "language",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What several of it are called.
    pub fn plural(self) -> &'static str {
        match self {
            Kind::Software => "Software",
            Kind::Distribution => "OS distributions",
            Kind::Language => "Programming languages",
        }
    }
}

/// The fields of an entry, in the order in which files have them.
pub(crate) const ENTRY_FIELDS: [&str; 11] = [
    "name",
    "kind",
    "categories",
    "description",
    "home",
    "source",
    "license",
    "images",
    "packages",
    "aliases",
    "logo",
];

/// What people wrote about one thing of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in addresses: small letters, digits and single hyphens. It is the file's name.
    pub slug: String,
    /// Its name as its makers write it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The slugs of its categories, the most telling first.
    pub categories: Vec<String>,
    /// One line, a sentence.
    pub description: String,
    /// Its home page, http or https.
    pub home: Option<String>,
    /// Where its source is, http or https.
    pub source: Option<String>,
    /// An SPDX licence expression.
    pub license: Option<String>,
    /// The images that evidence is of; the first one is the main one.
    pub images: Vec<Reference>,
    /// Package URLs (purl-spec).
    pub purls: Vec<String>,
    /// The project's name at Repology.
    pub repology: Option<String>,
    /// What else people call it.
    pub aliases: Vec<String>,
    /// The name of its logo: `logos/NAME.svg`.
    pub logo: Option<String>,
    /// Where its `images` stand.
    pub images_at: At,
}

/// What entries are sorted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// One line.
    pub description: String,
}

/// One issue of the newsletter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its name in addresses: the file's name.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// When it came out.
    pub date: Date,
    /// One or two sentences.
    pub summary: String,
    /// Its headings of the second level, in order, each with the name that the text has it under.
    pub headings: Vec<Heading>,
    /// Its text as HTML that may stand in any page: no script, no raw HTML of its writer, no links but http, https,
    /// mailto and those within the site.
    pub html: String,
}

/// A heading within a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its `id` in the HTML.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// Something that takes place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name in addresses: the file's name.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Its first day.
    pub starts: Date,
    /// Its last day.
    pub ends: Date,
    /// Where.
    pub place: String,
    /// Its page, http or https.
    pub link: String,
    /// One line.
    pub description: Option<String>,
}

/// A call for proposals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name in addresses: the file's name.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// One or two sentences.
    pub summary: String,
    /// The first day on which proposals are taken, UTC.
    pub opens: Date,
    /// The last day on which they are; none of a call that stays open.
    pub closes: Option<Date>,
    /// What is offered, one line each.
    pub offers: Vec<String>,
    /// The platforms that machines are offered of, normalised: `linux/arm64`.
    pub platforms: Vec<String>,
    /// What proposers agree to, one line each.
    pub terms: Vec<String>,
    /// Its text as HTML, as that of an [`Issue`].
    pub html: String,
}

impl Call {
    /// Whether proposals are taken on a day.
    pub fn is_open(&self, day: Date) -> bool {
        self.opens <= day && self.closes.is_none_or(|closes| day <= closes)
    }

    /// Its text for a site that is below `prefix`, as [`Issue::html_below`] has it.
    pub fn html_below(&self, prefix: &str) -> String {
        html_below(&self.html, prefix)
    }
}

/// All content that is right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// The categories, in the order of their file.
    pub categories: Vec<Category>,
    /// The entries by slug.
    pub entries: BTreeMap<String, Entry>,
    /// The issues of the newsletter, the newest first.
    pub news: Vec<Issue>,
    /// The events, in order of time.
    pub events: Vec<Event>,
    /// The calls for proposals, the newest first.
    pub calls: Vec<Call>,
    /// The logos by name: SVG documents.
    pub logos: BTreeMap<String, Vec<u8>>,
    /// How far what maintainers declare was known that an issue tells, by the issue's slug, where its file says so.
    pub reached: BTreeMap<String, Timestamp>,
    /// The same of what registries served and what was verified.
    pub seen: BTreeMap<String, Timestamp>,
    /// The links of the issues that stay within the site: where each stands, and the path below the site's base that
    /// it leads to. Whether there is such a page only the site knows.
    pub links: Vec<(At, String)>,
}

impl Issue {
    /// Its text for a site that is below `prefix`: links within the site begin with it. A feed gives the site's whole
    /// address, a page its path.
    pub fn html_below(&self, prefix: &str) -> String {
        html_below(&self.html, prefix)
    }
}

fn html_below(html: &str, prefix: &str) -> String {
    // A `<` of its writer's is escaped wherever it stands, so this finds links alone.
    html.replace("<a href=\"/", &format!("<a href=\"{}/", escaped(prefix)))
}

/// Text as it may stand in an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Content {
    /// Reads files. What is right is there, and what is wrong is told: every problem of every file.
    pub fn read(files: &[File]) -> (Content, Vec<Problem>) {
        read::read(files)
    }

    /// The files of the content that comes with the program.
    pub fn bundled() -> Vec<File> {
        fn of(folder: &include_dir::Dir<'_>, files: &mut Vec<File>) {
            for file in folder.files() {
                let path = file.path().to_string_lossy().into_owned();
                files.push(File { path, bytes: file.contents().to_vec() });
            }
            folder.dirs().for_each(|folder| of(folder, files));
        }
        let mut files = Vec::new();
        of(&BUNDLED, &mut files);
        files
    }

    /// The category of a slug.
    pub fn category(&self, slug: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.slug == slug)
    }
}
