//! Rendered routes: made on the first request, and kept as long as there is room.

use std::io::Write as _;
use std::sync::Arc;

use crate::site::{Rendered, Route, Site};
use axum::http::HeaderValue;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use workson_oci::Digest;

/// How many bytes of rendered routes are kept.
const KEPT_BYTES: u64 = 32 << 20;
/// What a kept route takes beside its bytes.
const OVERHEAD: usize = 1 << 10;
/// What is smaller gains nothing from being compressed.
const LEAST_COMPRESSED: usize = 256;

const LASTING: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const PASSING: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// One route as it is sent.
pub(super) struct Page {
    /// What kind of thing it is, for what is counted.
    pub(super) kind: &'static str,
    pub(super) media_type: HeaderValue,
    pub(super) cache_control: HeaderValue,
    pub(super) plain: Form,
    /// Compressed, where that is shorter.
    pub(super) gzip: Option<Form>,
}

/// A page's bytes in one encoding.
pub(super) struct Form {
    pub(super) etag: HeaderValue,
    pub(super) length: HeaderValue,
    pub(super) bytes: Bytes,
}

impl Form {
    fn new(digest: &str, encoding: &str, bytes: Vec<u8>) -> Option<Form> {
        let etag = HeaderValue::from_str(&format!("\"{digest}{encoding}\"")).ok()?;
        // What was set aside while it was written, and not needed, is given back.
        Some(Form { etag, length: HeaderValue::from(bytes.len()), bytes: bytes.into_boxed_slice().into() })
    }
}

impl Page {
    fn new(route: &Route, rendered: Rendered) -> Option<Page> {
        let media_type = HeaderValue::from_static(rendered.media_type);
        let digest = Digest::sha256(&rendered.bytes);
        // Half of it tells two versions of a page apart.
        let digest = &digest.hex()[..32];
        let gzip = compressed(rendered.media_type, &rendered.bytes);
        let gzip = gzip.and_then(|bytes| Form::new(digest, "-gzip", bytes));
        let cache_control = if matches!(route, Route::Asset(_)) { LASTING } else { PASSING };
        Some(Page {
            kind: kind(route),
            media_type,
            cache_control,
            plain: Form::new(digest, "", rendered.bytes)?,
            gzip,
        })
    }
}

fn kind(route: &Route) -> &'static str {
    match route {
        Route::Feed { .. } => "feed",
        Route::Badge { .. } => "badge",
        Route::Api(_) | Route::SearchIndex | Route::Csv | Route::Calendar => "data",
        Route::Asset(_) | Route::Logo(_) => "asset",
        Route::Entry(_) => "entry",
        _ => "page",
    }
}

fn compressed(media_type: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let kind = media_type.split(';').next().unwrap_or_default();
    let is_text = ["json", "xml", "javascript", "calendar"].iter().any(|end| kind.ends_with(end));
    if bytes.len() < LEAST_COMPRESSED || !(kind.starts_with("text/") || is_text) {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|packed| packed.len() < bytes.len())
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<String, Arc<Page>> for Bytewise {
    fn weight(&self, path: &String, page: &Arc<Page>) -> u64 {
        let gzip = page.gzip.as_ref().map_or(0, |form| form.bytes.len());
        (path.len() + page.plain.bytes.len() + gzip + OVERHEAD) as u64
    }
}

/// The pages of a site.
pub(super) struct Pages {
    site: Arc<Site>,
    kept: Cache<String, Arc<Page>, Bytewise>,
    /// Where pages are made: on few threads, because each one keeps memory of its own.
    workers: Handle,
    /// One for each processor: rendering is nothing to wait for.
    turns: Semaphore,
}

impl Pages {
    pub(super) fn new(site: Site, workers: Handle) -> Pages {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Pages {
            site: Arc::new(site),
            kept: Cache::with_weighter(10_000, KEPT_BYTES, Bytewise),
            workers,
            turns: Semaphore::new(processors),
        }
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// The page at a path below the base, where it is kept.
    pub(super) fn kept(&self, path: &str) -> Option<Arc<Page>> {
        self.kept.get(path)
    }

    /// The page of a route, where the site has it. Whoever asks for it meanwhile waits for the same rendering.
    pub(super) async fn page(&self, route: Route) -> Option<Arc<Page>> {
        let path = route.path();
        let rendering = async {
            let _turn = self.turns.acquire().await.map_err(drop)?;
            let site = Arc::clone(&self.site);
            let render = move || Page::new(&route, site.render(&route)?).map(Arc::new);
            self.workers.spawn_blocking(render).await.ok().flatten().ok_or(())
        };
        self.kept.get_or_insert_async(path.as_str(), rendering).await.ok()
    }
}
