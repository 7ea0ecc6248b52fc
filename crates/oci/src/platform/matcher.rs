//! Which published platforms a host takes, and which it takes first: containerd's matchers.

use std::cmp::{Ordering, Reverse};

use super::Platform;
use super::host::WindowsVersion;
use super::ladder::ladder;
use super::mismatch::Mismatch;
use super::normalize::normalize;

/// The operating system that an empty one means, until [`Matcher::on_host_os`] sets another.
const DEFAULT_HOST_OS: &str = "linux";

/// The feature that containerd passes over when it matches for Windows.
const WIN32K: &str = "win32k";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The candidates as given, in order.
    Ordered,
    /// The candidates that [`ladder`] finds for the one asked for.
    Only,
    /// The one asked for, normalised.
    Strict,
    /// The candidates as given, without order.
    Any,
    /// Every architecture of one operating system, that of the candidate first.
    Os,
    /// One candidate, the highest `os.version` first.
    WindowsHost,
}

/// Tells which platforms are taken and which of two is taken first.
///
/// The answers are those of containerd's matchers of the same names, with one thing passed in: the operating
/// system that an empty one means is `linux`, or that of [`on_host_os`](Matcher::on_host_os).
#[derive(Debug, Clone)]
pub struct Matcher {
    kind: Kind,
    asked: Vec<Platform>,
    host_os: String,
    ladder: Vec<Platform>,
    /// For each candidate of the ladder, the version that its host has, if it is one of Windows.
    windows: Vec<Option<WindowsVersion>>,
}

/// What orders platforms; the least is taken first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'a> {
    class: Class,
    rung: usize,
    features: Reverse<usize>,
    os_version: Reverse<&'a str>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Match,
    /// It would match if it asked for no features.
    MatchWithoutFeatures,
    NoMatch,
}

impl Matcher {
    /// What a host of that platform runs: the platform, then the older variants of its architecture, then the
    /// 32-bit architecture that it also runs. An arm64 variant that containerd does not know matches nothing.
    pub fn only(platform: &Platform) -> Matcher {
        Matcher::build(Kind::Only, vec![platform.clone()], DEFAULT_HOST_OS)
    }

    /// That platform and no other, however it is spelled.
    pub fn only_strict(platform: &Platform) -> Matcher {
        Matcher::build(Kind::Strict, vec![platform.clone()], DEFAULT_HOST_OS)
    }

    /// Every architecture of that platform's operating system, that of the platform itself first.
    pub fn only_os(platform: &Platform) -> Matcher {
        Matcher::build(Kind::Os, vec![platform.clone()], DEFAULT_HOST_OS)
    }

    /// Each of these platforms, none before another.
    pub fn any(platforms: &[Platform]) -> Matcher {
        Matcher::build(Kind::Any, platforms.to_vec(), DEFAULT_HOST_OS)
    }

    /// Each of these platforms, in this order.
    pub fn ordered(platforms: &[Platform]) -> Matcher {
        Matcher::build(Kind::Ordered, platforms.to_vec(), DEFAULT_HOST_OS)
    }

    /// What containerd takes by default on that host. On macOS and FreeBSD that is the native platform, then
    /// linux of the same architecture; on Windows, the newest image of those that it runs.
    pub fn host(host: &Platform) -> Matcher {
        let linux = |variant: &str| Platform {
            os: "linux".to_owned(),
            architecture: host.architecture.clone(),
            variant: variant.to_owned(),
            ..Platform::default()
        };
        let (kind, asked) = match host.os.as_str() {
            "darwin" => (Kind::Ordered, vec![host.clone(), linux("")]),
            "freebsd" => (Kind::Ordered, vec![host.clone(), linux(&host.variant)]),
            "windows" => (Kind::WindowsHost, vec![host.clone()]),
            _ => (Kind::Only, vec![host.clone()]),
        };
        Matcher::build(kind, asked, if host.os.is_empty() { DEFAULT_HOST_OS } else { &host.os })
    }

    /// The same matcher, with another operating system for platforms that name none. containerd takes the one
    /// that it runs on, in published platforms and in the one asked for.
    #[must_use]
    pub fn on_host_os(self, os: &str) -> Matcher {
        Matcher::build(self.kind, self.asked, os)
    }

    fn build(kind: Kind, asked: Vec<Platform>, host_os: &str) -> Matcher {
        let normal = |platform: &Platform| normalize(platform, host_os);
        let candidates = match kind {
            Kind::Only => asked.iter().flat_map(|platform| ladder(&normal(platform))).collect(),
            Kind::Strict | Kind::Os => asked.iter().map(normal).collect(),
            Kind::Ordered | Kind::Any | Kind::WindowsHost => asked.clone(),
        };
        // As in containerd, the rules of Windows hold for a platform asked for as `windows`, and not for one
        // that only becomes so by being normalised, like `Windows`.
        let version = |p: &Platform| (p.os == "windows").then(|| WindowsVersion::parse(&p.os_version));
        Matcher {
            kind,
            host_os: host_os.to_owned(),
            windows: candidates.iter().map(version).collect(),
            ladder: candidates.iter().map(normal).collect(),
            asked,
        }
    }

    /// The candidates in order, normalised: arm64/v8 stands there as `arm64`, amd64/v1 as `amd64`.
    pub fn ladder(&self) -> &[Platform] {
        &self.ladder
    }

    /// Whether the platform is taken.
    pub fn matches(&self, platform: &Platform) -> bool {
        self.rank(platform).is_some()
    }

    /// The index in the [`ladder`](Matcher::ladder) of the first candidate that takes the platform. For
    /// [`only_os`](Matcher::only_os), an architecture that stands not in the ladder comes behind its end.
    pub fn rank(&self, platform: &Platform) -> Option<usize> {
        let found = Found::new(platform, &self.host_os);
        let mut rungs = 0..self.ladder.len();
        if self.kind == Kind::Os && !rungs.clone().any(|rung| self.takes_os(rung, &found)) {
            return None;
        }
        let first = rungs.find(|&rung| self.takes(rung, &found));
        if self.kind == Kind::Os { first.or(Some(self.ladder.len())) } else { first }
    }

    fn takes(&self, rung: usize, found: &Found) -> bool {
        let (wanted, is) = (&self.ladder[rung], &found.platform);
        wanted.architecture == is.architecture && wanted.variant == is.variant && self.takes_os(rung, found)
    }

    fn takes_os(&self, rung: usize, found: &Found) -> bool {
        self.ladder[rung].os == found.platform.os
            && self.takes_version(rung, found)
            && self.missing(rung, found).next().is_none()
    }

    fn takes_version(&self, rung: usize, found: &Found) -> bool {
        self.windows[rung].is_none_or(|host| host.runs(&found.platform.os_version))
    }

    /// The features that the platform needs and that the candidate does not have. `OnlyOS` does not pass over
    /// `win32k`.
    fn missing<'a>(&'a self, rung: usize, found: &'a Found) -> impl Iterator<Item = &'a String> {
        let pass_over = found.has_one_win32k && self.windows[rung].is_some() && self.kind != Kind::Os;
        let has = &self.ladder[rung].os_features;
        let needed = found.platform.os_features.iter();
        needed.filter(move |feature| !(has.contains(feature) || pass_over && *feature == WIN32K))
    }

    /// Whether `a` is taken before `b`; `false` both ways if neither is.
    pub fn less(&self, a: &Platform, b: &Platform) -> bool {
        self.compare(a, b) == Ordering::Less
    }

    /// The order in which platforms are taken, for a stable sort: the first candidate's first, then those that
    /// use more features. What is not taken comes last.
    pub fn compare(&self, a: &Platform, b: &Platform) -> Ordering {
        self.order(a).cmp(&self.order(b))
    }

    fn order<'a>(&self, platform: &'a Platform) -> Rank<'a> {
        let rank = |class, rung, features, os_version| Rank {
            class,
            rung,
            features: Reverse(features),
            os_version: Reverse(os_version),
        };
        let last = rank(Class::NoMatch, 0, 0, "");
        match (self.kind, self.rank(platform)) {
            (Kind::WindowsHost, Some(_)) => rank(Class::Match, 0, 0, platform.os_version.as_str()),
            (Kind::WindowsHost, None) => last,
            (Kind::Os, Some(rung)) if rung == self.ladder.len() => rank(Class::Match, rung, 0, ""),
            (Kind::Os, None) => last,
            (Kind::Any, Some(_)) => rank(Class::Match, 0, platform.os_features.len(), ""),
            (_, Some(rung)) => rank(Class::Match, rung, platform.os_features.len(), ""),
            (kind, None) => {
                let bare = Platform { os_features: Vec::new(), ..platform.clone() };
                match self.rank(&bare) {
                    Some(rung) => {
                        rank(Class::MatchWithoutFeatures, if kind == Kind::Any { 0 } else { rung }, 0, "")
                    }
                    None => last,
                }
            }
        }
    }

    /// The first respect in which the platform differs from every candidate that agrees with it so far: the
    /// operating system, the architecture, the variant, the version, the features. `None` if it is taken.
    pub fn why_not(&self, platform: &Platform) -> Option<Mismatch> {
        if self.matches(platform) {
            return None;
        }
        let asked = || self.asked.iter().map(Platform::format_all).collect();
        let found = Found::new(platform, &self.host_os);
        let is = &found.platform;
        let all: Vec<usize> = (0..self.ladder.len()).collect();
        if all.is_empty() {
            return Some(Mismatch::Nothing { asked: asked() });
        }
        let mut left = self.narrow(&all, |rung| self.ladder[rung].os == is.os);
        if left.is_empty() {
            return Some(Mismatch::Os { wanted: self.texts(&all, |p| &p.os), found: is.os.clone() });
        }
        if self.kind != Kind::Os {
            let same = self.narrow(&left, |rung| self.ladder[rung].architecture == is.architecture);
            if same.is_empty() {
                let wanted = self.texts(&left, |p| &p.architecture);
                return Some(Mismatch::Architecture { wanted, found: is.architecture.clone() });
            }
            left = self.narrow(&same, |rung| self.ladder[rung].variant == is.variant);
            if left.is_empty() {
                let wanted = self.texts(&same, |p| &p.variant);
                let architecture = is.architecture.clone();
                return Some(Mismatch::Variant { architecture, wanted, found: is.variant.clone() });
            }
        }
        let runs = self.narrow(&left, |rung| self.takes_version(rung, &found));
        if runs.is_empty() {
            let wanted = self.texts(&left, |p| &p.os_version);
            return Some(Mismatch::OsVersion { wanted, found: is.os_version.clone() });
        }
        let missing = runs.iter().map(|&rung| self.missing(rung, &found).cloned().collect::<Vec<_>>());
        missing.min_by_key(Vec::len).map(|missing| Mismatch::OsFeatures { missing })
    }

    fn narrow(&self, rungs: &[usize], keep: impl Fn(usize) -> bool) -> Vec<usize> {
        rungs.iter().copied().filter(|&rung| keep(rung)).collect()
    }

    /// What these candidates have there, each text once.
    fn texts(&self, rungs: &[usize], of: fn(&Platform) -> &String) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for &rung in rungs {
            let text = of(&self.ladder[rung]);
            if !texts.contains(text) {
                texts.push(text.clone());
            }
        }
        texts
    }
}

/// A published platform, normalised.
struct Found {
    platform: Platform,
    /// containerd takes `win32k` away once, before it removes repetitions.
    has_one_win32k: bool,
}

impl Found {
    fn new(platform: &Platform, host_os: &str) -> Found {
        let win32k = platform.os_features.iter().filter(|feature| *feature == WIN32K);
        Found { has_one_win32k: win32k.count() == 1, platform: normalize(platform, host_os) }
    }
}
