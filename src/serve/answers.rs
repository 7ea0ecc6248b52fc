//! From a request to an answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::runtime::Handle;
use tokio_util::io::ReaderStream;

use super::allowance::Allowance;
use super::database::Database;
use super::desk::Desk;
use super::live::Live;
use super::metrics::Metrics;
use super::pages::Pages;
use super::schedule::Schedule;
use super::sending::{for_one, guard, has, moved, not_allowed, not_modified, plain, send, with_body};
use super::settings::Settings;
use super::visitor::Visitor;
use super::{Served, forms, operations, questions, stacks};
use crate::site::{Route, ServiceRoute, View};

/// The longest address that may name anything.
const LONGEST: usize = 2048;

/// The site as it is shown now.
pub(super) struct Shown {
    pub(super) pages: Pages,
    database: Database,
}

impl Shown {
    pub(super) fn new(served: Served, workers: &Handle) -> Shown {
        Shown { pages: Pages::new(served.site, workers.clone()), database: Database::new(served.declared) }
    }
}

/// Answers requests for one site.
pub(super) struct Answers {
    shown: ArcSwap<Shown>,
    pub(super) settings: Settings,
    pub(super) live: Option<Arc<Live>>,
    pub(super) desk: Option<Desk>,
    /// How many questions, and how many forms, each client may send.
    pub(super) questions: Option<Allowance>,
    pub(super) letters: Option<Allowance>,
    pub(super) rendered: questions::Rendered,
    pub(super) schedule: Schedule,
    metrics: Metrics,
    workers: Handle,
    is_ending: AtomicBool,
}

/// A request, and who sent it.
pub(super) struct Asked {
    pub(super) parts: Parts,
    pub(super) visitor: Visitor,
}

/// An answer, and what kind of thing it is, for what is counted and logged: never the address itself, which may be a
/// secret or say what somebody is interested in.
pub(super) type Answer = (Response<Body>, &'static str);

impl Answers {
    pub(super) fn new(
        served: Served,
        settings: Settings,
        live: Option<Arc<Live>>,
        schedule: Schedule,
        workers: Handle,
    ) -> Answers {
        let metrics = Metrics::new();
        metrics.facts_reach(served.site.catalogue.as_of());
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        Answers {
            shown: ArcSwap::from_pointee(Shown::new(served, &workers)),
            desk: settings
                .forms
                .as_ref()
                .map(|forms| Desk::open(forms.submissions.clone(), Arc::clone(&settings.clock))),
            questions: live.as_ref().and_then(|live| Allowance::new(live.per_minute(), minute)),
            letters: settings.forms.as_ref().and_then(|forms| Allowance::new(forms.per_hour, hour)),
            rendered: questions::Rendered::default(),
            settings,
            live,
            schedule,
            metrics,
            workers,
            is_ending: AtomicBool::new(false),
        }
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Another site takes the place of the one that is shown. Requests that are under way end with the old one.
    pub(super) fn show(&self, served: Served) {
        self.metrics.facts_reach(served.site.catalogue.as_of());
        self.shown.store(Arc::new(Shown::new(super::shown(served, &self.settings), &self.workers)));
    }

    /// From now on it is told that the end has come, to whoever asks whether this is ready.
    pub(super) fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// The answer to a request.
    pub(super) async fn answer(self: Arc<Self>, peer: IpAddr, request: Request<Body>) -> Response<Body> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let is_head = parts.method == Method::HEAD;
        let method = parts.method.clone();
        let visitor = Visitor::of(peer, &parts.headers, &self.settings.trusted_proxies);
        let (mut response, kind) = self.dispatch(Asked { parts, visitor }, body).await;
        guard(response.headers_mut());
        let status = response.status().as_u16();
        let took = started.elapsed();
        self.metrics.answered(kind, status, took);
        tracing::info!(target: "request", %method, route = kind, status, micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if is_head {
            *response.body_mut() = Body::empty();
        }
        response
    }

    async fn dispatch(&self, asked: Asked, body: Body) -> Answer {
        let uri = &asked.parts.uri;
        let whole = uri.path();
        if whole.len() > LONGEST || uri.query().is_some_and(|query| query.len() > 4 * LONGEST) {
            let text = "That address is longer than any that is here.\n";
            return (plain(StatusCode::URI_TOO_LONG, text), "none");
        }
        if let Some(answer) = operations::answer(self, &asked).await {
            return answer;
        }
        let reads = matches!(asked.parts.method, Method::GET | Method::HEAD);
        let shown = self.shown.load();
        let base = shown.pages.site().base.path.as_str();
        let path = match whole.strip_prefix(base) {
            Some("") if !base.is_empty() => return (moved(&asked.parts, &format!("{base}/")), "moved"),
            Some(path) if path.starts_with('/') => path,
            _ if !reads => return (not_allowed("GET, HEAD"), "none"),
            _ => return self.nothing(&shown.pages, &asked.parts).await,
        };
        if reads && let Some(page) = shown.pages.kept(path) {
            return (send(&page, &asked.parts.headers), page.kind);
        }
        match Route::parse(path) {
            Some(Route::Service(route)) if self.has(&route) => {
                let shown = arc_swap::Guard::into_inner(shown);
                self.serve(&shown, route, asked, body).await
            }
            Some(Route::Service(_)) => self.nothing(&shown.pages, &asked.parts).await,
            route => {
                if !reads {
                    return (not_allowed("GET, HEAD"), "none");
                }
                let shown = arc_swap::Guard::into_inner(shown);
                self.read(&shown, route, path, &asked.parts).await
            }
        }
    }

    /// Whether there is such a service.
    fn has(&self, route: &ServiceRoute) -> bool {
        match route {
            ServiceRoute::Query | ServiceRoute::Stack | ServiceRoute::ApiQuery | ServiceRoute::ApiStack => {
                self.live.is_some()
            }
            ServiceRoute::Suggest | ServiceRoute::Propose(_) | ServiceRoute::Proposal(_) => {
                self.desk.is_some()
            }
            ServiceRoute::Status => self.settings.services().status,
        }
    }

    async fn serve(&self, shown: &Shown, route: ServiceRoute, asked: Asked, body: Body) -> Answer {
        match route {
            ServiceRoute::Query => (questions::page(self, shown, &asked).await, "query-page"),
            ServiceRoute::ApiQuery => (questions::document(self, &asked).await, "query"),
            ServiceRoute::Stack => (stacks::page(self, shown, &asked, body).await, "stack-page"),
            ServiceRoute::ApiStack => (stacks::document(self, &asked, body).await, "stack"),
            ServiceRoute::Suggest => (forms::suggest(self, shown, &asked, body).await, "suggest"),
            ServiceRoute::Propose(call) => {
                (forms::propose(self, shown, &call, &asked, body).await, "propose")
            }
            ServiceRoute::Proposal(secret) => {
                (forms::proposal(self, shown, &secret, &asked, body).await, "proposal")
            }
            ServiceRoute::Status => {
                if !matches!(asked.parts.method, Method::GET | Method::HEAD) {
                    return (not_allowed("GET, HEAD"), "status");
                }
                let inventories = self.schedule.told();
                let view = View::Status { inventories: &inventories };
                (for_one(StatusCode::OK, shown.pages.site().view(&view)), "status")
            }
        }
    }

    async fn read(&self, shown: &Shown, route: Option<Route>, path: &str, parts: &Parts) -> Answer {
        match route {
            Some(Route::Sqlite) => return (send_database(&shown.database, parts).await, "database"),
            Some(route) => {
                if let Some(page) = shown.pages.page(route).await {
                    return (send(&page, &parts.headers), page.kind);
                }
            }
            None => {
                if let Some(route) = self.spelled_otherwise(shown, path).await {
                    return (moved(parts, &shown.pages.site().base.link(&route)), "moved");
                }
            }
        }
        self.nothing(&shown.pages, parts).await
    }

    /// The route that is meant by an address that is not quite its own, where there is something at it.
    async fn spelled_otherwise(&self, shown: &Shown, path: &str) -> Option<Route> {
        let route = spelled_otherwise(path)?;
        let is_there = match &route {
            Route::Sqlite => true,
            Route::Service(route) => self.has(route),
            route => shown.pages.page(route.clone()).await.is_some(),
        };
        is_there.then_some(route)
    }

    async fn nothing(&self, pages: &Pages, parts: &Parts) -> Answer {
        let response = match pages.page(Route::NotFound).await {
            Some(page) => {
                let mut response = with_body(&page, &parts.headers);
                *response.status_mut() = StatusCode::NOT_FOUND;
                response.headers_mut().remove(header::ETAG);
                response
            }
            None => plain(StatusCode::NOT_FOUND, "Nothing is here.\n"),
        };
        (response, "none")
    }
}

async fn send_database(database: &Database, request: &Parts) -> Response<Body> {
    let failed = |error: std::io::Error| {
        tracing::error!(%error, "making the database");
        plain(StatusCode::INTERNAL_SERVER_ERROR, "The database could not be made.\n")
    };
    let made = match database.made().await {
        Ok(made) => made,
        Err(error) => return failed(error),
    };
    let file = match made.file.reopen() {
        Ok(file) => tokio::fs::File::from_std(file),
        Err(error) => return failed(error),
    };
    let mut response = Response::new(Body::from_stream(ReaderStream::with_capacity(file, 64 << 10)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.sqlite3"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(made.length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    headers.insert(header::ETAG, made.etag.clone());
    if has(&request.headers, &[made.etag.as_bytes()]) { not_modified(&response) } else { response }
}

/// The route that is meant by an address that is not quite its own: without its last slash, with the name of the file
/// that a page is in, or with letters written as %41.
fn spelled_otherwise(path: &str) -> Option<Route> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let path = decoded.strip_suffix("index.html").unwrap_or(&decoded);
    Route::parse(path).or_else(|| Route::parse(&format!("{path}/")))
}
