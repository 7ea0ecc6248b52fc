//! The table of entries that all lists have: one row an entry, one mark a platform.

use crate::evidence::Rung;
use crate::site::routes::pages;
use crate::site::{Column, Entry, Mark, PAGE, Route, Site, Standing};

/// How many platforms a table shows: with more a page of [`PAGE`] rows would grow beyond what phones like.
const COLUMNS: usize = 14;

impl Mark {
    /// The word in a cell. A loss is a no that once was a yes.
    pub(super) fn says(self) -> &'static str {
        match self.standing {
            Standing::Has => "yes",
            Standing::Lacks => "no",
            Standing::Lost => "lost",
            Standing::Unknown => "unknown",
        }
    }

    /// The number of its rung, as small as a footnote's.
    pub(super) fn sign(self) -> &'static str {
        match self.rung.filter(|_| self.standing != Standing::Unknown) {
            Some(Rung::Declared) => "¹",
            Some(Rung::Published) => "²",
            Some(Rung::Verified) => "³",
            Some(Rung::Ran) => "⁴",
            None => "",
        }
    }

    /// The rung's name; empty where there is none.
    pub(super) fn rung_name(self) -> &'static str {
        self.rung.filter(|_| self.standing != Standing::Unknown).map_or("", Rung::name)
    }

    /// The class that gives it its shape.
    pub(super) fn class(self) -> &'static str {
        self.standing.letter()
    }
}

/// An entry's picture: its logo, or the first letters of its name.
pub(super) struct Picture {
    pub(super) logo: Option<String>,
    pub(super) letters: String,
    /// One of six tints.
    pub(super) tint: u32,
}

impl Picture {
    pub(super) fn of(site: &Site, entry: &Entry) -> Picture {
        let logo = entry.about.as_ref().and_then(|about| about.logo.as_ref());
        let logo = logo.filter(|name| site.content.logos.contains_key(*name));
        // An image's own name tells more than the host that serves it.
        let name = entry.name.rsplit('/').next().unwrap_or(&entry.name);
        let letters: String = name.chars().filter(|c| c.is_alphanumeric()).take(2).collect();
        let tint =
            entry.slug.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 6;
        Picture { logo: logo.map(|name| site.base.link(&Route::Logo(name.clone()))), letters, tint }
    }
}

/// One entry.
pub(super) struct Row<'a> {
    pub(super) link: String,
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) picture: Picture,
    /// Why there are no marks: the entry is gone, or nothing is known of it.
    pub(super) instead: Option<String>,
    pub(super) marks: Vec<Mark>,
}

/// A page of a list.
pub(super) struct Table<'a> {
    pub(super) columns: Vec<(String, &'a Column)>,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) pager: Pager,
    /// The platforms that have no room.
    pub(super) left_out: Vec<(String, &'a Column)>,
}

/// Where in a list a page is.
pub(super) struct Pager {
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) total: usize,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
    /// Pages near this one and the two ends: number, address; none stands for those between.
    pub(super) pages: Vec<Option<(usize, String)>>,
    pub(super) number: usize,
}

impl Pager {
    /// The page `number` of a list with `size` on each; none where the list has no such page.
    pub(super) fn new(
        site: &Site,
        total: usize,
        size: usize,
        number: usize,
        route: &dyn Fn(usize) -> Route,
    ) -> Option<Pager> {
        let count = pages(total, size);
        if !(1..=count).contains(&number) {
            return None;
        }
        let link = |page: usize| site.base.link(&route(page));
        let mut near = Vec::new();
        let mut last = 0;
        for page in (1..=count).filter(|page| *page == 1 || *page == count || page.abs_diff(number) <= 2) {
            if page > last + 1 {
                near.push(None);
            }
            near.push(Some((page, link(page))));
            last = page;
        }
        Some(Pager {
            first: ((number - 1) * size + 1).min(total),
            last: (number * size).min(total),
            total,
            previous: (number > 1).then(|| link(number - 1)),
            next: (number < count).then(|| link(number + 1)),
            pages: if count > 1 { near } else { Vec::new() },
            number,
        })
    }
}

impl<'a> Table<'a> {
    /// A page of a list of so many entries, with all platforms.
    pub(super) fn new(
        site: &'a Site,
        entries: impl Iterator<Item = &'a Entry>,
        total: usize,
        number: usize,
        route: &dyn Fn(usize) -> Route,
    ) -> Option<Table<'a>> {
        let all: Vec<usize> = (0..site.catalogue.columns.len()).collect();
        Table::with_columns(site, entries, total, number, route, &all)
    }

    /// The same with some platforms.
    pub(super) fn with_columns(
        site: &'a Site,
        entries: impl Iterator<Item = &'a Entry>,
        total: usize,
        number: usize,
        route: &dyn Fn(usize) -> Route,
        columns: &[usize],
    ) -> Option<Table<'a>> {
        let pager = Pager::new(site, total, PAGE, number, route)?;
        let (shown, left_out) = columns.split_at(columns.len().min(COLUMNS));
        let named = |columns: &[usize]| -> Vec<(String, &'a Column)> {
            let columns = columns.iter().map(|at| &site.catalogue.columns[*at]);
            columns.map(|column| (site.base.link(&Route::Platform(column.slug.clone())), column)).collect()
        };
        let rows = entries.skip((number - 1) * PAGE).take(PAGE).map(|entry| Row {
            link: site.base.link(&Route::Entry(entry.slug.clone())),
            name: &entry.name,
            description: entry.about.as_ref().map_or("", |about| &about.description),
            picture: Picture::of(site, entry),
            instead: entry.unmarked(),
            marks: shown.iter().map(|at| entry.marks[*at]).collect(),
        });
        Some(Table { rows: rows.collect(), pager, columns: named(shown), left_out: named(left_out) })
    }
}
