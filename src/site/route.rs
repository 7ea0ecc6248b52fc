//! The one table of addresses: templates link through it, the server reads it backwards, and the build goes along it.

use super::service::ServiceRoute;
use crate::content::Kind;

/// How an entry stands on a platform, as the platform's lists have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It works there.
    Has,
    /// It does not, and never did.
    Lacks,
    /// It does not, and did.
    Lost,
    /// It can't be told.
    Unknown,
}

impl Standing {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Standing; 4] = [Standing::Has, Standing::Lacks, Standing::Lost, Standing::Unknown];

    /// The name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Has => "has",
            Standing::Lacks => "lacks",
            Standing::Lost => "lost",
            Standing::Unknown => "unknown",
        }
    }

    /// Its letter, where many stand in a row; the class that gives a mark its shape.
    pub fn letter(self) -> &'static str {
        match self {
            Standing::Has => "y",
            Standing::Lacks => "n",
            Standing::Lost => "l",
            Standing::Unknown => "u",
        }
    }

    fn from_name(name: &str) -> Option<Standing> {
        Standing::ALL.into_iter().find(|standing| standing.name() == name)
    }
}

/// In which form a feed comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedFormat {
    /// RFC 4287.
    Atom,
    /// RSS 2.0.
    Rss,
    /// JSON Feed 1.1.
    Json,
}

impl FeedFormat {
    /// All forms, the preferred first.
    pub const ALL: [FeedFormat; 3] = [FeedFormat::Atom, FeedFormat::Rss, FeedFormat::Json];

    /// The end of its addresses.
    pub fn extension(self) -> &'static str {
        match self {
            FeedFormat::Atom => "atom",
            FeedFormat::Rss => "rss",
            FeedFormat::Json => "json",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            FeedFormat::Atom => "application/atom+xml",
            FeedFormat::Rss => "application/rss+xml",
            FeedFormat::Json => "application/feed+json",
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            FeedFormat::Atom => "Atom",
            FeedFormat::Rss => "RSS",
            FeedFormat::Json => "JSON Feed",
        }
    }
}

/// What a feed tells of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedOf {
    /// The newsletter's issues.
    News,
    /// All that was gained, lost or came and went.
    Changes,
    /// What was decided about proposals.
    Decisions,
    /// What happened to one entry, by its slug.
    Entry(String),
    /// What happened on one platform, by its slug.
    Platform(String),
}

/// What a badge says something of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BadgeOf {
    /// An entry on a platform, by their slugs.
    Entry(String, String),
    /// How many entries a platform has, by its slug.
    Coverage(String),
}

/// In which form a badge comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BadgeFormat {
    /// An image.
    Svg,
    /// What shields.io makes an image of: its endpoint schema.
    Endpoint,
}

impl BadgeFormat {
    /// Both forms.
    pub const ALL: [BadgeFormat; 2] = [BadgeFormat::Svg, BadgeFormat::Endpoint];

    fn extension(self) -> &'static str {
        match self {
            BadgeFormat::Svg => "svg",
            BadgeFormat::Endpoint => "json",
        }
    }
}

/// A document of the static API, below `/api/v1/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiRoute {
    /// What there is, and how far the data reaches.
    Index,
    /// All platforms with their counts.
    Platforms,
    /// One platform with its series, by its slug.
    Platform(String),
    /// All entries with a verdict for each platform.
    Entries,
    /// One entry, all of it, by its slug.
    Entry(String),
    /// The months in which something changed.
    Changes,
    /// What changed in one month: year and month.
    Month(i16, i8),
    /// The newsletter's issues.
    News,
    /// The events.
    Events,
    /// The description of the API (OpenAPI 3.1).
    OpenApi,
}

/// Everything that the site has an address for. Numbers of pages begin with 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// The first page.
    Home,
    /// All entries, to search and filter.
    Explore(usize),
    /// The entries of one kind.
    Kind(Kind, usize),
    /// The entries of one category.
    Category(String, usize),
    /// One entry.
    Entry(String),
    /// All platforms.
    Platforms,
    /// One platform.
    Platform(String),
    /// The entries that stand so on a platform.
    PlatformList(String, Standing, usize),
    /// All platforms beside each other.
    Compare,
    /// What the first platform has and the second lacks, and the other way round.
    ComparePair(String, String, usize),
    /// The months in which something changed.
    Changes,
    /// What changed in one month: year, month, page.
    ChangesMonth(i16, i8, usize),
    /// The newsletter.
    News,
    /// One issue of it.
    Issue(String),
    /// What takes place.
    Events,
    /// The calls for proposals.
    Calls,
    /// One of them, by its slug.
    Call(String),
    /// How the site knows what it says.
    Method,
    /// What the site is.
    About,
    /// Data to take away: the API, tables, feeds.
    Download,
    /// What is shown where nothing is.
    NotFound,
    /// A feed.
    Feed {
        /// What it tells of.
        of: FeedOf,
        /// Its form.
        format: FeedFormat,
    },
    /// A badge.
    Badge {
        /// What it speaks of.
        of: BadgeOf,
        /// Its form.
        format: BadgeFormat,
    },
    /// A document of the API.
    Api(ApiRoute),
    /// The events as iCalendar (RFC 5545).
    Calendar,
    /// What Explore searches in.
    SearchIndex,
    /// All verdicts as a table.
    Csv,
    /// The declared history as a database of SQLite. A site does not render it: it is made of the timeline, by
    /// [`crate::store::export`], where the site is built or served.
    Sqlite,
    /// The map of the site for search engines; 0 is the index of its parts.
    Sitemap(usize),
    /// What robots may do.
    Robots,
    /// How browsers search here (OpenSearch 1.1).
    OpenSearch,
    /// A file of the site's design, by its name.
    Asset(String),
    /// An entry's logo, by its name.
    Logo(String),
    /// What only a service has. A site does not render it: its pages are made for one visitor each
    /// ([`super::Site::view`]).
    Service(ServiceRoute),
}

/// The part of an address that tells the page; the first has none.
fn numbered(path: String, page: usize) -> String {
    if page == 1 { path } else { format!("{path}{page}/") }
}

impl Route {
    /// Its path below the base: it begins with a slash, and ends in one where it is a page.
    pub fn path(&self) -> String {
        match self {
            Route::Home => "/".into(),
            Route::Explore(page) => numbered("/explore/".into(), *page),
            Route::Kind(kind, page) => numbered(format!("/kind/{}/", kind.name()), *page),
            Route::Category(slug, page) => numbered(format!("/category/{slug}/"), *page),
            Route::Entry(slug) => format!("/entry/{slug}/"),
            Route::Platforms => "/platforms/".into(),
            Route::Platform(slug) => format!("/platform/{slug}/"),
            Route::PlatformList(slug, standing, page) => {
                numbered(format!("/platform/{slug}/{}/", standing.name()), *page)
            }
            Route::Compare => "/compare/".into(),
            Route::ComparePair(one, other, page) => numbered(format!("/compare/{one}/{other}/"), *page),
            Route::Changes => "/changes/".into(),
            Route::ChangesMonth(year, month, page) => {
                numbered(format!("/changes/{year:04}-{month:02}/"), *page)
            }
            Route::News => "/news/".into(),
            Route::Issue(slug) => format!("/news/{slug}/"),
            Route::Events => "/events/".into(),
            Route::Calls => "/calls/".into(),
            Route::Call(slug) => format!("/calls/{slug}/"),
            Route::Method => "/method/".into(),
            Route::About => "/about/".into(),
            Route::Download => "/download/".into(),
            Route::NotFound => "/404.html".into(),
            Route::Feed { of, format } => {
                let end = format.extension();
                match of {
                    FeedOf::News => format!("/feeds/news.{end}"),
                    FeedOf::Changes => format!("/feeds/changes.{end}"),
                    FeedOf::Decisions => format!("/feeds/decisions.{end}"),
                    FeedOf::Entry(slug) => format!("/feeds/entry/{slug}.{end}"),
                    FeedOf::Platform(slug) => format!("/feeds/platform/{slug}.{end}"),
                }
            }
            Route::Badge { of, format } => {
                let end = format.extension();
                match of {
                    BadgeOf::Entry(entry, platform) => format!("/badge/entry/{entry}/{platform}.{end}"),
                    BadgeOf::Coverage(platform) => format!("/badge/coverage/{platform}.{end}"),
                }
            }
            Route::Api(route) => match route {
                ApiRoute::Index => "/api/v1/index.json".into(),
                ApiRoute::Platforms => "/api/v1/platforms.json".into(),
                ApiRoute::Platform(slug) => format!("/api/v1/platforms/{slug}.json"),
                ApiRoute::Entries => "/api/v1/entries.json".into(),
                ApiRoute::Entry(slug) => format!("/api/v1/entries/{slug}.json"),
                ApiRoute::Changes => "/api/v1/changes.json".into(),
                ApiRoute::Month(year, month) => format!("/api/v1/changes/{year:04}-{month:02}.json"),
                ApiRoute::News => "/api/v1/news.json".into(),
                ApiRoute::Events => "/api/v1/events.json".into(),
                ApiRoute::OpenApi => "/api/v1/openapi.json".into(),
            },
            Route::Calendar => "/events.ics".into(),
            Route::SearchIndex => "/explore.json".into(),
            Route::Csv => "/download/catalogue.csv".into(),
            Route::Sqlite => "/download/official-images.sqlite".into(),
            Route::Sitemap(0) => "/sitemap.xml".into(),
            Route::Sitemap(part) => format!("/sitemap-{part}.xml"),
            Route::Robots => "/robots.txt".into(),
            Route::OpenSearch => "/opensearch.xml".into(),
            Route::Asset(name) => format!("/assets/{name}"),
            Route::Logo(name) => format!("/logos/{name}.svg"),
            Route::Service(route) => route.path(),
        }
    }

    /// The route of a path below the base; none where there is no such kind of address. Whether the site has what it
    /// names is another question.
    pub fn parse(path: &str) -> Option<Route> {
        let rest = path.strip_prefix('/')?;
        let route = match rest.strip_suffix('/') {
            Some(page) => Route::of_page(&page.split('/').collect::<Vec<_>>())?,
            None if rest.is_empty() => Route::Home,
            None => Route::of_file(&rest.split('/').collect::<Vec<_>>())?,
        };
        // One address each: no `/explore/1/`, no `/explore/02/`.
        (route.path() == path).then_some(route)
    }

    fn of_page(names: &[&str]) -> Option<Route> {
        let number = |text: &str| text.parse::<usize>().ok().filter(|page| *page > 1);
        Some(match names {
            ["explore"] => Route::Explore(1),
            ["explore", page] => Route::Explore(number(page)?),
            ["kind", kind] => Route::Kind(Kind::from_name(kind)?, 1),
            ["kind", kind, page] => Route::Kind(Kind::from_name(kind)?, number(page)?),
            ["category", slug] => Route::Category((*slug).into(), 1),
            ["category", slug, page] => Route::Category((*slug).into(), number(page)?),
            ["entry", slug] => Route::Entry((*slug).into()),
            ["platforms"] => Route::Platforms,
            ["platform", slug] => Route::Platform((*slug).into()),
            ["platform", slug, standing] => {
                Route::PlatformList((*slug).into(), Standing::from_name(standing)?, 1)
            }
            ["platform", slug, standing, page] => {
                Route::PlatformList((*slug).into(), Standing::from_name(standing)?, number(page)?)
            }
            ["compare"] => Route::Compare,
            ["compare", one, other] => Route::ComparePair((*one).into(), (*other).into(), 1),
            ["compare", one, other, page] => {
                Route::ComparePair((*one).into(), (*other).into(), number(page)?)
            }
            ["changes"] => Route::Changes,
            ["changes", month] => {
                let (year, month) = year_and_month(month)?;
                Route::ChangesMonth(year, month, 1)
            }
            ["changes", month, page] => {
                let (year, month) = year_and_month(month)?;
                Route::ChangesMonth(year, month, number(page)?)
            }
            ["news"] => Route::News,
            ["news", slug] => Route::Issue((*slug).into()),
            ["events"] => Route::Events,
            ["calls"] => Route::Calls,
            ["calls", slug] => Route::Call((*slug).into()),
            ["method"] => Route::Method,
            ["about"] => Route::About,
            ["download"] => Route::Download,
            _ => Route::Service(ServiceRoute::of_page(names)?),
        })
    }

    fn of_file(names: &[&str]) -> Option<Route> {
        if let Some(route) = ServiceRoute::of_file(names) {
            return Some(Route::Service(route));
        }
        let (name, end) = names.last()?.rsplit_once('.')?;
        let format = FeedFormat::ALL.into_iter().find(|format| format.extension() == end);
        let badge = BadgeFormat::ALL.into_iter().find(|format| format.extension() == end);
        let feed = |of| Some(Route::Feed { of, format: format? });
        Some(match names {
            ["404.html"] => Route::NotFound,
            ["feeds", _] if name == "news" => feed(FeedOf::News)?,
            ["feeds", _] if name == "changes" => feed(FeedOf::Changes)?,
            ["feeds", _] if name == "decisions" => feed(FeedOf::Decisions)?,
            ["feeds", "entry", _] => feed(FeedOf::Entry(name.into()))?,
            ["feeds", "platform", _] => feed(FeedOf::Platform(name.into()))?,
            ["badge", "entry", entry, _] => {
                Route::Badge { of: BadgeOf::Entry((*entry).into(), name.into()), format: badge? }
            }
            ["badge", "coverage", _] => Route::Badge { of: BadgeOf::Coverage(name.into()), format: badge? },
            ["api", "v1", rest @ ..] if end == "json" => Route::Api(ApiRoute::of_file(rest, name)?),
            ["events.ics"] => Route::Calendar,
            ["explore.json"] => Route::SearchIndex,
            ["download", "catalogue.csv"] => Route::Csv,
            ["download", "official-images.sqlite"] => Route::Sqlite,
            ["sitemap.xml"] => Route::Sitemap(0),
            ["robots.txt"] => Route::Robots,
            ["opensearch.xml"] => Route::OpenSearch,
            ["assets", file] => Route::Asset((*file).into()),
            ["logos", _] if end == "svg" => Route::Logo(name.into()),
            [_] if end == "xml" => Route::Sitemap(name.strip_prefix("sitemap-")?.parse().ok()?),
            _ => return None,
        })
    }
}

impl ApiRoute {
    fn of_file(names: &[&str], name: &str) -> Option<ApiRoute> {
        Some(match names {
            ["index.json"] => ApiRoute::Index,
            ["platforms.json"] => ApiRoute::Platforms,
            ["platforms", _] => ApiRoute::Platform(name.into()),
            ["entries.json"] => ApiRoute::Entries,
            ["entries", _] => ApiRoute::Entry(name.into()),
            ["changes.json"] => ApiRoute::Changes,
            ["changes", _] => {
                let (year, month) = year_and_month(name)?;
                ApiRoute::Month(year, month)
            }
            ["news.json"] => ApiRoute::News,
            ["events.json"] => ApiRoute::Events,
            ["openapi.json"] => ApiRoute::OpenApi,
            _ => return None,
        })
    }
}

/// `2017-09`.
fn year_and_month(text: &str) -> Option<(i16, i8)> {
    let (year, month) = text.split_once('-')?;
    let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
    Some((year.parse().ok()?, month))
}
