//! Files made on all processors: routes are taken off the list a few at a time, rendered and handed on, one after the
//! other, so that what is in memory does not grow with the site.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{Build, Extra, FolderError, is_plain};
use crate::site::Route;

/// How many routes a thread takes at once.
const SHARE: usize = 32;

/// What one thread does with the files that fall to it.
pub(super) trait Hand: Send {
    /// A file with these bytes.
    fn file(&mut self, path: String, bytes: &[u8], is_page: bool) -> Result<(), FolderError>;
    /// A file that something else makes.
    fn extra(&mut self, extra: &Extra<'_>) -> Result<(), FolderError>;
}

/// Makes every file of a site; the hands as they are when all is done. The first failure ends it.
pub(super) fn every<H: Hand>(
    build: &Build<'_>,
    folder: &Path,
    hand: impl Fn(usize) -> H,
) -> Result<Vec<H>, FolderError> {
    let routes = build.site.routes();
    let count = build.extras.len() + routes.len();
    let (next_extra, next, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let failure = Mutex::new(None);
    let work = |hand: &mut H| -> Result<(), FolderError> {
        // What takes longest begins first.
        while let Some(extra) = build.extras.get(next_extra.fetch_add(1, Ordering::Relaxed)) {
            hand.extra(extra)?;
        }
        loop {
            let begin = next.fetch_add(SHARE, Ordering::Relaxed);
            if begin >= routes.len() || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            for route in &routes[begin..routes.len().min(begin + SHARE)] {
                one(build, folder, route, hand)?;
            }
        }
    };
    let threads = build.threads.min(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN));
    let mut hands: Vec<H> = (0..threads.get()).map(hand).collect();
    std::thread::scope(|scope| {
        for hand in &mut hands {
            scope.spawn(|| {
                if let Err(error) = work(hand) {
                    stop.store(true, Ordering::Relaxed);
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(hands),
    }
}

fn one<H: Hand>(build: &Build<'_>, folder: &Path, route: &Route, hand: &mut H) -> Result<(), FolderError> {
    let Some(rendered) = build.site.render(route) else { return Ok(()) };
    let path = file_of(route);
    if !is_plain(&path) {
        return Err(FolderError::new(&folder.join(path), "no file of a site is called so"));
    }
    hand.file(path, &rendered.bytes, rendered.media_type.starts_with("text/html"))
}

/// The file of a route, below the folder: a page is the `index.html` of a folder of its own.
fn file_of(route: &Route) -> String {
    let mut path = route.path();
    path.remove(0);
    if path.is_empty() || path.ends_with('/') {
        path.push_str("index.html");
    }
    path
}
