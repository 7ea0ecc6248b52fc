//! Publishing: everything is put and checked first, and tags move last.
//!
//! A tag that has a platform today is not replaced by an image that lacks it, unless that is asked for. Where something
//! fails, every tag is as it was: those that have moved already are put back.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use workson_oci::document::{Document, DocumentError};
use workson_oci::platform::Matcher;
use workson_oci::{Content, Digest, Platform, Reference, Repository};
use workson_registry::{Client, Error, Head, Kind};

use crate::source::{RegistrySource, Source, offered};
use crate::transfer::{Carried, Graph, MountFrom, RegistryTarget, TransferError, carry, each, said};

/// Which platforms a tag may lose.
#[derive(Debug, Clone)]
pub enum AllowedDrop {
    /// These.
    Of(Vec<Platform>),
    /// Any, also where it can't be told which there are.
    Any,
}

/// How something is published.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who sends.
    pub client: Client,
    /// Where requests are worked on: a runtime of several threads.
    pub runtime: Handle,
    /// Platforms that may be lost.
    pub allow_drop: AllowedDrop,
    /// Repositories that have the blobs as well, for the registry to take them over where they are its own.
    pub mount_from: MountFrom,
    /// How many blobs are sent at once.
    pub jobs: usize,
}

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The target.
    pub reference: Reference,
    /// What it pointed at before; none where it was not there.
    pub before: Option<Digest>,
    /// What was carried to its repository for it.
    pub carried: Carried,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A target has a platform that the image lacks.
    #[error("{reference} has {}, which the image lacks", names(platforms))]
    WouldDrop {
        /// The target.
        reference: String,
        /// The platforms.
        platforms: Vec<Platform>,
    },
    /// What a target points at could not be asked.
    #[error("what {reference} has today could not be told: {reason}")]
    Unasked {
        /// The target.
        reference: String,
        /// What was tried, and what came back.
        reason: String,
    },
    /// Which platforms a target has could not be told.
    #[error("what {reference} has today could not be told: {reason}")]
    Untold {
        /// The target.
        reference: String,
        /// Why.
        reason: String,
    },
    /// Something could not be carried there.
    #[error("{repository}: {error}")]
    Transfer {
        /// The repository.
        repository: String,
        /// What, and why.
        error: TransferError,
    },
    /// A tag was moved by somebody else meanwhile.
    #[error("{reference} was moved by somebody else meanwhile; it is left as it is")]
    Moved {
        /// The target.
        reference: String,
    },
    /// A tag could not be put, or was not what was put when it was read again.
    #[error("{reference}: {reason}{}", undone(left, *may_move_yet))]
    Tag {
        /// The target.
        reference: String,
        /// What was tried, and what came back.
        reason: String,
        /// Tags that are not as they were, each with the reason.
        left: Vec<(Reference, String)>,
        /// Whether the registry may still take the tag, which was sent and not answered.
        may_move_yet: bool,
    },
}

fn names(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms.iter().map(|platform| platform.normalized().format_all()).collect();
    names.join(" ")
}

fn undone(left: &[(Reference, String)], may_move_yet: bool) -> String {
    let left: Vec<String> =
        left.iter().map(|(reference, reason)| format!("{reference} ({reason})")).collect();
    let undone = match left.is_empty() {
        true => "every tag is as it was".to_owned(),
        false => format!("these tags are not as they were: {}", left.join(", ")),
    };
    match may_move_yet {
        true => format!("; {undone}, but the registry may still take what was sent: look again in a while"),
        false => format!("; {undone}"),
    }
}

/// One reference that the image is published under.
#[derive(Debug, Clone)]
pub struct Target {
    /// The reference; what has no tag is sent, and nothing is moved for it.
    pub reference: Reference,
    /// What it points at today; none where it is not there.
    pub before: Option<Content>,
}

/// An image on its way to its targets, in three steps that are to be taken in this order: [`Publication::check`] asks
/// what is there and writes nothing, [`Publication::send`] brings everything but the tags, [`Publication::move_tags`]
/// takes all of them or none. Only the last one changes what anybody sees, so it alone must not be interrupted.
pub struct Publication<'a> {
    graph: &'a Graph,
    source: &'a dyn Source,
    settings: Settings,
    targets: Vec<Target>,
    /// What was carried, for each repository that was written to.
    carried: Vec<(Repository, Carried)>,
    /// Repositories that had the root before, or may have had it.
    old: Vec<Repository>,
}

/// A tag that was not moved: why (nothing where somebody else has moved it), and whether it may have been all the same.
struct Unmoved {
    reason: Option<String>,
    may_have_moved: bool,
    /// Whether the registry may still be about to move it.
    may_move_yet: bool,
}

impl<'a> Publication<'a> {
    /// Asks what `targets` point at, and whether one would lose a platform to the image that `graph` is, which has
    /// `platforms`. Nothing is written.
    ///
    /// # Errors
    /// [`PublishError::WouldDrop`]; [`PublishError::Unasked`] or [`PublishError::Untold`] where it can't be told.
    pub fn check(
        graph: &'a Graph,
        source: &'a dyn Source,
        platforms: &[Platform],
        targets: &[Reference],
        settings: Settings,
    ) -> Result<Publication<'a>, PublishError> {
        let settings = Settings { client: settings.client.as_writer(), ..settings };
        let (carried, old) = (Vec::new(), Vec::new());
        let mut publication = Publication { graph, source, settings, targets: Vec::new(), carried, old };
        for reference in targets {
            let before = publication.there(reference)?;
            if let Some(there) = &before {
                publication.check_drop(reference, there, platforms)?;
            }
            publication.targets.push(Target { reference: reference.clone(), before });
        }
        Ok(publication)
    }

    /// The targets, in the order in which they were given.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Brings blobs, documents and the root, by digest, to every target's repository, and reads the documents back.
    /// Where a tag points at the image already, nothing is sent unless something of it is missing there. `watch` is
    /// told the bytes.
    ///
    /// # Errors
    /// [`PublishError::Transfer`]. No tag has moved.
    pub fn send(&mut self, watch: &(dyn Fn(u64) + Sync)) -> Result<(), PublishError> {
        let mut repositories: Vec<(Repository, bool)> = Vec::new();
        for target in &self.targets {
            let (repository, is_there) = (target.reference.repository(), self.is_there(target));
            match repositories.iter_mut().find(|(other, _)| other == repository) {
                Some((_, all)) => *all &= is_there,
                None => repositories.push((repository.clone(), is_there)),
            }
        }
        for (repository, is_there) in repositories {
            // What points at the image once had all of it; registries lose blobs all the same.
            if is_there && self.is_whole(&repository)? {
                continue;
            }
            self.note_old(&repository);
            let carried = self.carry(&repository, watch)?;
            self.carried.push((repository, carried));
        }
        Ok(())
    }

    /// Moves the tags, one after the other, and reads each back. Where one fails, those before it are put back.
    ///
    /// # Errors
    /// The first failure. Every tag then is as it was, but for those that the error names.
    pub fn move_tags(self) -> Result<Vec<Published>, PublishError> {
        let mut moving: Vec<&Target> = self
            .targets
            .iter()
            .filter(|target| target.reference.tag().is_some() && !self.is_there(target))
            .collect();
        // Many registries delete no tag, so a new one may stay where a later one fails: new ones come last, and those
        // that can't even be deleted by their digest behind all others.
        moving.sort_by_key(|target| (target.before.is_none(), !self.is_new(&target.reference)));
        for (at, target) in moving.iter().enumerate() {
            if let Err(Unmoved { reason, may_have_moved, may_move_yet }) = self.tag(target) {
                let left = self.put_back(&moving[..at + usize::from(may_have_moved)]);
                let reference = target.reference.to_string();
                return Err(match reason {
                    None if left.is_empty() => PublishError::Moved { reference },
                    reason => PublishError::Tag {
                        reference,
                        reason: reason.unwrap_or_else(|| "it was moved by somebody else meanwhile".into()),
                        left,
                        may_move_yet,
                    },
                });
            }
        }
        Ok(self.published())
    }

    /// What became of each target. What was carried is said once for a repository.
    fn published(self) -> Vec<Published> {
        let mut carried = self.carried;
        let of = |target: Target| {
            let repository = target.reference.repository();
            let now = carried.iter_mut().find(|(other, _)| other == repository);
            Published {
                before: target.before.map(|there| there.digest),
                carried: now.map(|(_, carried)| std::mem::take(carried)).unwrap_or_default(),
                reference: target.reference,
            }
        };
        self.targets.into_iter().map(of).collect()
    }

    /// Whether a target points at the image already.
    fn is_there(&self, target: &Target) -> bool {
        target.before.as_ref().is_some_and(|there| there.digest == self.graph.root.digest)
    }

    /// Remembers whether a repository has the root already.
    fn note_old(&mut self, repository: &Repository) {
        let Settings { client, runtime, .. } = &self.settings;
        let by_digest = repository.with_digest(self.graph.root.digest.clone());
        let there = runtime.block_on(client.manifest_head(&by_digest));
        if !there.is_err_and(|error| is_absent(&error)) {
            self.old.push(repository.clone());
        }
    }

    fn is_new(&self, target: &Reference) -> bool {
        !self.old.contains(target.repository())
    }

    /// What a target points at today.
    fn there(&self, target: &Reference) -> Result<Option<Content>, PublishError> {
        let Settings { client, runtime, .. } = &self.settings;
        match runtime.block_on(client.manifest(target)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(PublishError::Unasked { reference: target.to_string(), reason: said(&error) }),
        }
    }

    /// Refuses to take a platform away.
    fn check_drop(
        &self,
        target: &Reference,
        there: &Content,
        platforms: &[Platform],
    ) -> Result<(), PublishError> {
        let registry = RegistrySource {
            client: self.settings.client.clone(),
            reference: target.clone(),
            runtime: self.settings.runtime.clone(),
        };
        let AllowedDrop::Of(allowed) = &self.settings.allow_drop else { return Ok(()) };
        // No current engine pulls it, and it names no platform.
        if matches!(Document::read(there), Err(DocumentError::Schema1)) {
            return Ok(());
        }
        let has_today = offered_platforms(&registry, there)
            .map_err(|reason| PublishError::Untold { reference: target.to_string(), reason })?;
        let is_allowed = |lost: &Platform| {
            let matcher = Matcher::only_strict(lost);
            allowed.iter().any(|platform| matcher.matches(platform))
        };
        let lost: Vec<Platform> = has_today
            .into_iter()
            .filter(|platform| !is_kept(platform, platforms) && !is_allowed(platform))
            .collect();
        match lost.is_empty() {
            true => Ok(()),
            false => Err(PublishError::WouldDrop { reference: target.to_string(), platforms: lost }),
        }
    }

    /// Whether a repository has every document and blob, as far as it can be asked without fetching them.
    fn is_whole(&self, repository: &Repository) -> Result<bool, PublishError> {
        let Settings { client, runtime, jobs, .. } = &self.settings;
        let is_missing = AtomicBool::new(false);
        let failed = |what: String, error: Error| TransferError { what, reason: said(&error) };
        let document = |digest: &Digest| {
            let by_digest = repository.with_digest(digest.clone());
            let head = runtime.block_on(client.manifest_head(&by_digest)).map(|_| ());
            let there = match head {
                Err(error) if error.kind().may_be_about_head() => {
                    runtime.block_on(client.manifest(&by_digest)).map(|_| ())
                }
                head => head,
            };
            match there {
                Err(error) if is_absent(&error) => is_missing.store(true, Ordering::Relaxed),
                there => there.map_err(|error| failed(format!("document {digest}"), error))?,
            }
            Ok(())
        };
        let blob = |digest: &Digest| {
            match runtime.block_on(client.has_blob(repository, digest)) {
                Ok(has) => is_missing.fetch_or(!has, Ordering::Relaxed),
                // Some registries answer no HEAD of a blob.
                Err(error) if error.kind().may_be_about_head() => false,
                Err(error) => return Err(failed(format!("blob {digest}"), error)),
            };
            Ok(())
        };
        let documents = self.graph.levels.iter().flatten().map(|document| (true, &document.digest));
        let blobs = self.graph.blobs.iter().map(|blob| (false, &blob.digest));
        let all: Vec<(bool, &Digest)> = documents.chain(blobs).collect();
        let looked = each(&all, *jobs * 2, |(is_document, digest)| match is_document {
            true => document(digest),
            false => blob(digest),
        });
        let repository = repository.to_string();
        looked.map_err(|error| PublishError::Transfer { repository, error })?;
        Ok(!is_missing.into_inner())
    }

    /// Carries blobs, documents and the root, by digest, to a repository; then looks whether they are there.
    fn carry(&self, repository: &Repository, watch: &(dyn Fn(u64) + Sync)) -> Result<Carried, PublishError> {
        let Settings { client, runtime, mount_from, jobs, .. } = &self.settings;
        let target = RegistryTarget {
            client: client.clone(),
            repository: repository.clone(),
            mount_from: mount_from.clone(),
            runtime: runtime.clone(),
        };
        let failed = |error| PublishError::Transfer { repository: repository.to_string(), error };
        let carried = carry(self.graph, self.source, &target, *jobs, watch).map_err(failed)?;
        let by_digest = repository.with_digest(self.graph.root.digest.clone());
        let of_root = |error: Error| TransferError {
            what: format!("document {}", self.graph.root.digest),
            reason: said(&error),
        };
        runtime
            .block_on(client.push_manifest(&by_digest, &self.graph.root))
            .map_err(|error| failed(of_root(error)))?;
        self.read_back(repository).map_err(failed)?;
        Ok(carried)
    }

    /// Reads every document back by its digest, which the client checks, and asks for every blob.
    fn read_back(&self, repository: &Repository) -> Result<(), TransferError> {
        let Settings { client, runtime, jobs, .. } = &self.settings;
        let documents: Vec<&Content> = self.graph.documents().collect();
        each(&documents, *jobs, |document| {
            let reference = repository.with_digest(document.digest.clone());
            let failed = |reason| TransferError { what: format!("document {}", document.digest), reason };
            let there =
                runtime.block_on(client.manifest(&reference)).map_err(|error| failed(said(&error)))?;
            match there.bytes == document.bytes {
                true => Ok(()),
                false => Err(failed("what was read back is not what was put".to_owned())),
            }
        })?;
        each(&self.graph.blobs, *jobs, |blob| {
            let failed = |reason| TransferError { what: format!("blob {}", blob.digest), reason };
            match runtime.block_on(client.has_blob(repository, &blob.digest)) {
                Ok(true) => Ok(()),
                Ok(false) => {
                    Err(failed("it was put, and is not there when it is asked for again".to_owned()))
                }
                // Some registries answer no HEAD of a blob; the documents that name it were taken.
                Err(error) if error.kind().may_be_about_head() => Ok(()),
                Err(error) => Err(failed(said(&error))),
            }
        })
    }

    /// Moves one tag, and reads it back.
    fn tag(&self, target: &Target) -> Result<(), Unmoved> {
        let Settings { client, runtime, .. } = &self.settings;
        let reference = &target.reference;
        let unmoved = |reason| Unmoved { reason, may_have_moved: false, may_move_yet: false };
        let is_as_before = match (runtime.block_on(client.manifest_head(reference)), &target.before) {
            // A registry that announces no digest can't be asked so.
            (Ok(head), Some(there)) => head.digest.is_none_or(|digest| digest == there.digest),
            (Ok(_), None) => false,
            (Err(error), there) if is_absent(&error) => there.is_none(),
            (Err(error), _) => return Err(unmoved(Some(said(&error)))),
        };
        if !is_as_before {
            return Err(unmoved(None));
        }
        let put = runtime.block_on(client.push_manifest(reference, &self.graph.root));
        // What was not answered, or by a proxy alone, may be under way.
        let may_move_yet = put
            .as_ref()
            .is_err_and(|error| matches!(error.kind(), Kind::Timeout | Kind::Network | Kind::Server));
        let read = put.and_then(|()| runtime.block_on(client.manifest(reference)));
        let wrong = match read {
            Ok(content) if content.bytes == self.graph.root.bytes => return Ok(()),
            Ok(content) => format!("it was put, and points at {} when it is read back", content.digest),
            Err(error) => said(&error),
        };
        // It may have been taken, and only the answer lost.
        Err(Unmoved { reason: Some(wrong), may_have_moved: true, may_move_yet })
    }

    /// Puts tags back; those that could not be, with the reason. What was there before comes first: as long as such a
    /// tag points at what was put, that can't be deleted by its digest.
    fn put_back(&self, moved: &[&Target]) -> Vec<(Reference, String)> {
        let (old, new): (Vec<&Target>, Vec<&Target>) =
            moved.iter().copied().partition(|target| target.before.is_some());
        let mut left: Vec<(Reference, String)> = Vec::new();
        for target in old.into_iter().chain(new) {
            let repository = target.reference.repository();
            let is_pointed_at = left.iter().any(|(other, _)| other.repository() == repository);
            if let Err(reason) = self.restore(target, !is_pointed_at) {
                left.push((target.reference.clone(), reason));
            }
        }
        left
    }

    /// Makes a tag what it was, unless somebody else has moved it meanwhile.
    fn restore(&self, target: &Target, may_delete: bool) -> Result<(), String> {
        let Settings { client, runtime, .. } = &self.settings;
        let reference = &target.reference;
        let before = target.before.as_ref().map(|there| &there.digest);
        match self.points_at(reference) {
            Ok(now) if now.as_ref() == before => return Ok(()),
            Ok(Some(now)) if now == self.graph.root.digest => {}
            Ok(Some(now)) => {
                return Err(format!("moved by somebody else meanwhile, to {now}, and left so"));
            }
            Ok(None) => return Err("deleted by somebody else meanwhile, and left so".to_owned()),
            Err(error) => return Err(format!("it could not be put back: {}", said(&error))),
        }
        let failed = |error: &Error| format!("it could not be put back: {}", said(error));
        let done = match &target.before {
            Some(content) => {
                return runtime
                    .block_on(client.push_manifest(reference, content))
                    .map_err(|error| failed(&error));
            }
            None => runtime.block_on(client.delete_manifest(reference)),
        };
        // Some registries delete no tags, but what they point at: nothing else points at what was not there before.
        let by_digest = reference.repository().with_digest(self.graph.root.digest.clone());
        let done = match done {
            Err(error) if !is_absent(&error) && may_delete && self.is_new(reference) => {
                runtime.block_on(client.delete_manifest(&by_digest)).map_err(|_| error)
            }
            done => done,
        };
        match done {
            Err(error) if is_absent(&error) => Ok(()),
            done => done.map_err(|error| failed(&error)),
        }
    }

    /// The digest that a tag points at now; none where it is not there.
    fn points_at(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        let Settings { client, runtime, .. } = &self.settings;
        match runtime.block_on(client.manifest_head(reference)) {
            Ok(Head { digest: Some(digest), .. }) => return Ok(Some(digest)),
            Err(error) if is_absent(&error) => return Ok(None),
            // Not every registry announces digests, and some answer no HEAD.
            Ok(_) => {}
            Err(error) if error.kind().may_be_about_head() => {}
            Err(error) => return Err(error),
        }
        match runtime.block_on(client.manifest(reference)) {
            Ok(content) => Ok(Some(content.digest)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether one of `platforms` is `had`, and uses the same features of the operating system: what uses fewer is another
/// image to an engine that looks for them. Of Windows, all that is the same there is taken.
fn is_kept(had: &Platform, platforms: &[Platform]) -> bool {
    let matcher = Matcher::only_strict(had);
    let uses = |platform: &Platform| {
        had.os == "windows" || had.os_features.iter().all(|feature| platform.os_features.contains(feature))
    };
    platforms.iter().any(|platform| matcher.matches(platform) && uses(platform))
}

/// Whether there is no such tag or repository, or none that may be seen.
fn is_absent(error: &Error) -> bool {
    error.kind() == Kind::NotFound
}

/// The platforms that an image offers; none where it is no container image.
///
/// # Errors
/// A sentence, where that can't be told: then it can't be told either which platforms a tag would lose.
pub fn offered_platforms(source: &dyn Source, root: &Content) -> Result<Vec<Platform>, String> {
    let offered = offered(source, root)?;
    // An artifact has none, and that is certain.
    match offered.is_complete() {
        true => Ok(offered.platforms.into_iter().map(|entry| entry.platform).collect()),
        false => {
            let notes: Vec<String> = offered.notes.iter().map(ToString::to_string).collect();
            Err(format!("which platforms it has can't be told: {}", notes.join("; ")))
        }
    }
}
