//! Live queries: any image of the registries that are allowed, from the store where that is fresh, else asked now.
//!
//! However many ask for one image, one question goes out. A registry is asked by a `HEAD` first, so that a tag that still
//! points at what is known costs no pull; what pulls there are is bounded for each registry. All of it is on one thread
//! with a runtime of its own: who reads pages does not wait for registries.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::watch;
use workson_oci::image::Reading;
use workson_oci::{Digest, Image, Reference};
use workson_registry::rate_limit::PullBudget;
use workson_registry::{Client, Kind};

use super::Makers;
use super::hour::Hour;
use super::settings::LiveSettings;
use crate::crawl::Clock;
use crate::query::ErrorAnswer;
use crate::site::Origin;
use crate::store::Store;

/// How many bytes of answers are kept, as they are counted by [`weight`].
const KEPT_BYTES: u64 = 24 << 20;
/// How many questions may be under way at once.
const MAX_ASKING: usize = 256;
/// How long a failure that may pass is told again before the registry is asked anew.
const PASSING: Duration = Duration::from_secs(15);
/// How long another failure is.
const LASTING: Duration = Duration::from_secs(300);

/// Makes a client that spends a budget, and says of parts of images what [`tell_in_public`] does.
pub type MakeClient = Box<dyn Fn(Arc<PullBudget>) -> Result<Client, String> + Send + Sync>;

/// What was found out about a reference.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) outcome: Result<Arc<Image>, ErrorAnswer>,
    /// When it was seen.
    pub(super) at: Timestamp,
    pub(super) origin: Origin,
    /// Until when it is told again without asking.
    pub(super) good_until: Instant,
}

impl Told {
    /// Whether it is an answer, or a "not now".
    pub(super) fn is_not_now(&self) -> bool {
        matches!(&self.outcome, Err(error) if error.kind == Kind::BudgetSpent.name())
    }
}

/// Why nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAsked {
    /// The registry is none of those that are allowed.
    Registry,
    /// Too many others ask.
    Busy,
}

/// Answers questions about images.
pub(super) struct Live {
    settings: LiveSettings,
    clock: Clock,
    store: PathBuf,
    reader: Mutex<Option<Store>>,
    makers: Arc<Makers>,
    registries: Mutex<BTreeMap<String, Asked>>,
    told: Cache<String, Arc<Told>, ByImage>,
    images: Cache<Digest, Arc<Image>, ByImage>,
    asking: Mutex<HashMap<String, watch::Receiver<Option<Arc<Told>>>>>,
    runtime: Handle,
}

/// A registry that was asked.
struct Asked {
    client: Client,
    budget: Arc<PullBudget>,
    per_hour: u64,
    hour: Hour,
}

impl Asked {
    /// Counts what was spent, and grants again what was spent an hour ago.
    fn count(&mut self) {
        let over = self.hour.pass(self.budget.spent(), Instant::now());
        self.budget.grant(over, self.per_hour);
    }
}

#[derive(Clone)]
struct ByImage;

/// What an image takes in memory, about.
fn weight(image: &Image) -> u64 {
    let platforms = image.platforms.len() as u64 * 512;
    512 + platforms + image.notes.len() as u64 * 256
}

impl Weighter<String, Arc<Told>> for ByImage {
    fn weight(&self, reference: &String, told: &Arc<Told>) -> u64 {
        let beside = match &told.outcome {
            Ok(_) => 0,
            Err(error) => error.message.len() + error.hint.as_ref().map_or(0, String::len),
        };
        (reference.len() + beside) as u64 + 256
    }
}

impl Weighter<Digest, Arc<Image>> for ByImage {
    fn weight(&self, _: &Digest, image: &Arc<Image>) -> u64 {
        weight(image)
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    pub(super) fn new(
        settings: LiveSettings,
        clock: Clock,
        store: PathBuf,
        makers: Arc<Makers>,
        runtime: Handle,
    ) -> Live {
        Live {
            settings,
            clock,
            store,
            reader: Mutex::default(),
            makers,
            registries: Mutex::default(),
            told: Cache::with_weighter(10_000, KEPT_BYTES / 4, ByImage),
            images: Cache::with_weighter(10_000, KEPT_BYTES * 3 / 4, ByImage),
            asking: Mutex::default(),
            runtime,
        }
    }

    pub(super) fn per_minute(&self) -> u32 {
        self.settings.per_minute
    }

    pub(super) fn registries(&self) -> &[String] {
        &self.settings.registries
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Whether a registry may be asked.
    pub(super) fn allows(&self, registry: &str) -> bool {
        self.settings.registries.iter().any(|known| known == registry)
    }

    /// What is kept of a reference and still good.
    fn kept(&self, key: &str) -> Option<Arc<Told>> {
        self.told.get(key).filter(|told| Instant::now() < told.good_until)
    }

    /// What a reference offers. Who goes away meanwhile leaves the question to the others who wait for it.
    pub(super) async fn ask(self: &Arc<Live>, reference: &Reference) -> Result<Arc<Told>, NotAsked> {
        if !self.allows(reference.repository().registry()) {
            return Err(NotAsked::Registry);
        }
        let key = reference.to_string();
        if let Some(told) = self.kept(&key) {
            return Ok(told);
        }
        let mut answer = self.question(key, reference)?;
        let told = answer.wait_for(Option::is_some).await;
        told.ok().and_then(|told| told.clone()).ok_or(NotAsked::Busy)
    }

    /// The question that is under way, or a new one.
    fn question(
        self: &Arc<Live>,
        key: String,
        reference: &Reference,
    ) -> Result<watch::Receiver<Option<Arc<Told>>>, NotAsked> {
        let mut asking = held(&self.asking);
        if let Some(answer) = asking.get(&key) {
            return Ok(answer.clone());
        }
        // It may have been answered since it was looked for.
        if let Some(told) = self.kept(&key) {
            return Ok(watch::channel(Some(told)).1);
        }
        if asking.len() >= MAX_ASKING {
            return Err(NotAsked::Busy);
        }
        let (sender, answer) = watch::channel(None);
        asking.insert(key.clone(), answer.clone());
        let (live, reference) = (Arc::clone(self), reference.clone());
        drop(self.runtime.spawn(async move {
            // Whatever becomes of the question, it is not under way any more.
            let ended = Ended { live: &live, key: &key };
            let told = Arc::new(live.find_out(&reference).await);
            live.told.insert(key.clone(), Arc::clone(&told));
            drop(ended);
            let _ = sender.send(Some(told));
        }));
        Ok(answer)
    }

    async fn find_out(self: &Arc<Live>, reference: &Reference) -> Told {
        let (live, asked) = (Arc::clone(self), reference.clone());
        let known = tokio::task::spawn_blocking(move || live.in_store(&asked)).await;
        if let Ok(Some(told)) = known {
            return told;
        }
        let client = match self.client(reference.repository().registry()) {
            Ok(client) => client,
            Err(reason) => {
                let error = ErrorAnswer { kind: Kind::Network.name(), message: reason, hint: None };
                return self.told(Err((error, PASSING)));
            }
        };
        let outcome = self.ask_registry(&client, reference).await;
        // What it has cost was spent now, whenever the next question comes.
        if let Some(asked) = held(&self.registries).get_mut(reference.repository().registry()) {
            asked.count();
        }
        self.told(outcome)
    }

    fn told(&self, outcome: Result<Arc<Image>, (ErrorAnswer, Duration)>) -> Told {
        let (outcome, good_for) = match outcome {
            Ok(image) if image.is_certain() => (Ok(image), self.settings.fresh),
            // What is missing of it may be there soon.
            Ok(image) => (Ok(image), LASTING.min(self.settings.fresh)),
            Err((error, good_for)) => (Err(error), good_for.min(self.settings.fresh)),
        };
        Told { outcome, at: self.now(), origin: Origin::Registry, good_until: Instant::now() + good_for }
    }

    /// What an inventory saw not long ago, all of which is in the store. What it failed to see is asked again.
    fn in_store(&self, reference: &Reference) -> Option<Told> {
        let oldest = self.now().checked_sub(SignedDuration::try_from(self.settings.fresh).ok()?).ok()?;
        let (digest, at) = self.with_store(|store| store.last_seen(reference))?;
        let age = self.now().duration_since(at);
        let left = self.settings.fresh.checked_sub(Duration::try_from(age).unwrap_or_default())?;
        if at < oldest || at > self.now() {
            return None;
        }
        let image = self.known(&digest)?;
        Some(Told { outcome: Ok(image), at, origin: Origin::Store, good_until: Instant::now() + left })
    }

    /// What a digest offers, where its documents are at hand.
    fn known(&self, digest: &Digest) -> Option<Arc<Image>> {
        if let Some(image) = self.images.get(digest) {
            return Some(image);
        }
        let image = self.with_store(|store| {
            let Some(root) = store.content(digest)? else { return Ok(None) };
            let mut found = HashMap::new();
            loop {
                match Image::read(&root, &found, false) {
                    Ok(Reading::Complete(image)) => return Ok(Some(image)),
                    Ok(Reading::Needs(needs)) => {
                        for need in needs {
                            let Some(mut content) = store.content(&need.digest)? else { return Ok(None) };
                            content.media_type = need.media_type.clone();
                            found.insert(need.digest, Ok(content));
                        }
                    }
                    Err(_) => return Ok(None),
                }
            }
        })?;
        // What could not be told then may be told now.
        image.is_certain().then(|| {
            let image = Arc::new(image);
            self.images.insert(digest.clone(), Arc::clone(&image));
            image
        })
    }

    /// Looks into the store, where there is one that can be read: what can't be read there is asked of the registry.
    fn with_store<T>(
        &self,
        look: impl FnOnce(&Store) -> Result<Option<T>, crate::store::StoreError>,
    ) -> Option<T> {
        let mut reader = held(&self.reader);
        if reader.is_none() {
            *reader = Store::open_existing(&self.store).ok();
        }
        match look(reader.as_ref()?) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "looking into the store");
                *reader = None;
                None
            }
        }
    }

    async fn ask_registry(
        self: &Arc<Live>,
        client: &Client,
        reference: &Reference,
    ) -> Result<Arc<Image>, (ErrorAnswer, Duration)> {
        let failed = |error: &workson_registry::Error| {
            let good_for = match error.kind().is_transient() {
                true => error.retry_after().unwrap_or(PASSING),
                false => LASTING,
            };
            (public(reference, error), good_for)
        };
        match client.manifest_head(reference).await {
            Ok(head) => {
                if let Some(digest) = head.digest {
                    let live = Arc::clone(self);
                    let known = tokio::task::spawn_blocking(move || live.known(&digest)).await;
                    if let Ok(Some(image)) = known {
                        return Ok(image);
                    }
                }
            }
            Err(error) if error.kind().may_be_about_head() => {}
            Err(error) => return Err(failed(&error)),
        }
        let answer = client.image(reference, false).await.map_err(|error| failed(&error))?;
        let image = Arc::new(answer.image);
        if image.is_certain() {
            self.images.insert(image.digest.clone(), Arc::clone(&image));
        }
        Ok(image)
    }

    /// The client for a registry, with what it is granted by now.
    fn client(&self, registry: &str) -> Result<Client, String> {
        let mut registries = held(&self.registries);
        if let Some(asked) = registries.get_mut(registry) {
            asked.count();
            return Ok(asked.client.clone());
        }
        let per_hour = self.settings.pulls_of.get(registry).copied().unwrap_or(self.settings.pulls_per_hour);
        let budget = Arc::new(PullBudget::new(Some(per_hour)));
        let client = (self.makers.client)(Arc::clone(&budget))?;
        let asked = Asked { client: client.clone(), budget, per_hour, hour: Hour::default() };
        registries.insert(registry.to_owned(), asked);
        Ok(client)
    }

    /// What each registry that was asked has cost: its name, requests, pulls.
    pub(super) fn costs(&self) -> Vec<(String, u64, u64)> {
        let registries = held(&self.registries);
        let cost = |(name, asked): (&String, &Asked)| {
            (name.clone(), asked.client.requests_sent(), asked.budget.spent())
        };
        registries.iter().map(cost).collect()
    }
}

/// What a stranger is told of a failure. The whole of it may name a mirror within the operator's network, or what stands
/// in its way; of the image's own bytes it says nothing that is not public.
fn public(reference: &Reference, error: &workson_registry::Error) -> ErrorAnswer {
    if error.kind() == Kind::InvalidImage {
        return ErrorAnswer::from(error);
    }
    let (message, hint) = in_public(error.kind());
    let message = format!("{}: {} {message}", reference.familiar(), reference.repository().registry());
    ErrorAnswer { kind: error.kind().name(), message, hint: hint.map(str::to_owned) }
}

/// The same of a part of an image: what clients that [`MakeClient`] makes have to say of it.
pub fn tell_in_public(error: &workson_registry::Error) -> String {
    match error.kind() {
        Kind::NotFound => "the registry does not have it".to_owned(),
        kind => format!("the registry {}", in_public(kind).0),
    }
}

/// What is said of the registry, and what to do next.
fn in_public(kind: Kind) -> (&'static str, Option<&'static str>) {
    match kind {
        Kind::NotFound => ("has no such image or tag", Some("is it spelled right?")),
        Kind::Unauthorized | Kind::Denied | Kind::Credentials => (
            "does not show it to strangers",
            Some("it is private, or not there; `workson query` asks with credentials of your own"),
        ),
        Kind::RateLimited => ("wants to be asked no more for now", Some("ask again later")),
        Kind::BudgetSpent => {
            ("is asked no more for now, so as not to ask too much of it", Some("ask again later"))
        }
        Kind::Timeout => ("did not answer in time", Some("ask again later")),
        Kind::Network | Kind::Tls => ("could not be reached", Some("ask again later")),
        Kind::Server => ("failed to answer", Some("ask again later")),
        Kind::TooLarge => ("sent more than is read of an image's documents", None),
        Kind::DigestMismatch => ("sent bytes that do not have the digest that it named", None),
        Kind::NotPublic | Kind::Redirect => ("leads to where it is not followed", None),
        _ => ("gave no answer that the distribution specification knows", None),
    }
}

/// Takes a question off those that are under way.
struct Ended<'a> {
    live: &'a Live,
    key: &'a str,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        held(&self.live.asking).remove(self.key);
    }
}
