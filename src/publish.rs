//! Publishing: everything is put and checked first, and tags move last.
//!
//! A tag that has a platform today is not replaced by an image that lacks it, unless that is asked for. Where something
//! fails, every tag is as it was: those that have moved already are put back.

use tokio::runtime::Handle;
use workson_oci::document::Document;
use workson_oci::platform::Matcher;
use workson_oci::{Content, Digest, Platform, Reference, Repository};
use workson_registry::{Client, Error, Kind};

use crate::source::{RegistrySource, Source, offered};
use crate::transfer::{Carried, Graph, MountFrom, RegistryTarget, TransferError, carry, each, said};

/// How something is published.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    /// Who sends.
    pub client: Client,
    /// Where requests are worked on: a runtime of several threads.
    pub runtime: Handle,
    /// Platforms that may be lost.
    pub allow_drop: &'a [Platform],
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
    #[error("{reference} has {}, which the image lacks", platforms.join(" "))]
    WouldDrop {
        /// The target.
        reference: String,
        /// The platforms.
        platforms: Vec<String>,
    },
    /// What a target has could not be told.
    #[error("what {reference} has today could not be told: {reason}")]
    Untold {
        /// The target.
        reference: String,
        /// Why.
        reason: String,
    },
    /// Something could not be carried there.
    #[error("{reference}: {error}")]
    Transfer {
        /// The target.
        reference: String,
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
    #[error("{reference}: {reason}{}", undone(left))]
    Tag {
        /// The target.
        reference: String,
        /// What was tried, and what came back.
        reason: String,
        /// Tags that had moved and could not be put back, each with the reason.
        left: Vec<(Reference, String)>,
    },
}

fn undone(left: &[(Reference, String)]) -> String {
    if left.is_empty() {
        return "; every tag is as it was".to_owned();
    }
    let left: Vec<String> =
        left.iter().map(|(reference, reason)| format!("{reference} ({reason})")).collect();
    format!("; these tags have moved and could not be put back: {}", left.join(", "))
}

/// Publishes the image that `graph` is under all `targets`. Its checks come first: nothing is sent before it is known
/// that no target loses a platform. `platforms` are those of the image.
///
/// # Errors
/// The first failure. Every tag then is as it was, but for those that the error names.
pub fn publish(
    graph: &Graph,
    source: &dyn Source,
    platforms: &[Platform],
    targets: &[Reference],
    settings: &Settings<'_>,
    watch: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Published>, PublishError> {
    let settings = &Settings { client: settings.client.as_writer(), ..settings.clone() };
    let mut publishing = Publishing { graph, source, settings, old: Vec::new() };
    let mut before = Vec::new();
    for target in targets {
        let there = publishing.there(target)?;
        if let Some(there) = &there {
            publishing.check_drop(target, there, platforms)?;
        }
        before.push(there);
    }
    let mut carried: Vec<(Repository, Carried)> = Vec::new();
    let mut published = Vec::new();
    for (target, there) in targets.iter().zip(&before) {
        let digest = there.as_ref().map(|there| there.digest.clone());
        let repository = target.repository();
        let known = carried.iter().any(|(other, _)| other == repository);
        // What points at the image has all of it.
        let is_there = digest.as_ref() == Some(&graph.root.digest);
        let now = match known || is_there {
            true => Carried::default(),
            false => {
                publishing.note_old(target);
                publishing.carry(target, watch)?
            }
        };
        if !is_there {
            carried.push((repository.clone(), now));
        }
        published.push(Published { reference: target.clone(), before: digest, carried: now });
    }
    publishing.tags(targets, &before)?;
    Ok(published)
}

/// A tag that was not moved: why (nothing where somebody else has moved it), and whether it may have been all the same.
struct Unmoved {
    reason: Option<String>,
    may_have_moved: bool,
}

struct Publishing<'a> {
    graph: &'a Graph,
    source: &'a dyn Source,
    settings: &'a Settings<'a>,
    /// Repositories that had the root before, or may have had it.
    old: Vec<Repository>,
}

impl Publishing<'_> {
    /// Remembers whether a repository has the root already.
    fn note_old(&mut self, target: &Reference) {
        let Settings { client, runtime, .. } = self.settings;
        let by_digest = target.repository().with_digest(self.graph.root.digest.clone());
        let there = runtime.block_on(client.manifest_head(&by_digest));
        if !there.is_err_and(|error| is_absent(&error)) {
            self.old.push(target.repository().clone());
        }
    }

    fn is_new(&self, target: &Reference) -> bool {
        !self.old.contains(target.repository())
    }

    /// What a target points at today.
    fn there(&self, target: &Reference) -> Result<Option<Content>, PublishError> {
        let Settings { client, runtime, .. } = self.settings;
        match runtime.block_on(client.manifest(target)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(PublishError::Untold { reference: target.to_string(), reason: said(&error) }),
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
        // What engines refuse has no platform to lose.
        if Document::read(there).is_err() {
            return Ok(());
        }
        let has_today = offered_platforms(&registry, there)
            .map_err(|reason| PublishError::Untold { reference: target.to_string(), reason })?;
        let has = |wanted: &Platform, all: &[Platform]| {
            let matcher = Matcher::only_strict(wanted);
            all.iter().any(|platform| matcher.matches(platform))
        };
        let lost: Vec<String> = has_today
            .iter()
            .filter(|platform| !has(platform, platforms) && !has(platform, self.settings.allow_drop))
            .map(Platform::to_string)
            .collect();
        match lost.is_empty() {
            true => Ok(()),
            false => Err(PublishError::WouldDrop { reference: target.to_string(), platforms: lost }),
        }
    }

    /// Carries blobs, documents and the root, by digest, to a target's repository; then looks whether they are there.
    fn carry(&self, target: &Reference, watch: &(dyn Fn(u64) + Sync)) -> Result<Carried, PublishError> {
        let Settings { client, runtime, mount_from, jobs, .. } = self.settings;
        let repository = RegistryTarget {
            client: client.clone(),
            repository: target.repository().clone(),
            mount_from: mount_from.clone(),
            runtime: runtime.clone(),
        };
        let failed = |error| PublishError::Transfer { reference: target.to_string(), error };
        let carried = carry(self.graph, self.source, &repository, *jobs, watch).map_err(failed)?;
        let by_digest = target.repository().with_digest(self.graph.root.digest.clone());
        let of_root = |error: Error| TransferError {
            what: format!("document {}", self.graph.root.digest),
            reason: said(&error),
        };
        runtime
            .block_on(client.push_manifest(&by_digest, &self.graph.root))
            .map_err(|error| failed(of_root(error)))?;
        self.read_back(target).map_err(failed)?;
        Ok(carried)
    }

    /// Reads every document back by its digest, which the client checks.
    fn read_back(&self, target: &Reference) -> Result<(), TransferError> {
        let Settings { client, runtime, jobs, .. } = self.settings;
        let documents: Vec<&Content> = self.graph.documents().collect();
        each(&documents, *jobs, |document| {
            let reference = target.repository().with_digest(document.digest.clone());
            let failed = |reason| TransferError { what: format!("document {}", document.digest), reason };
            let there =
                runtime.block_on(client.manifest(&reference)).map_err(|error| failed(said(&error)))?;
            match there.bytes == document.bytes {
                true => Ok(()),
                false => Err(failed("what was read back is not what was put".to_owned())),
            }
        })
    }

    /// Moves the tags, one after the other. Where one fails, those before it are put back.
    fn tags(&self, targets: &[Reference], before: &[Option<Content>]) -> Result<(), PublishError> {
        for (at, (target, there)) in targets.iter().zip(before).enumerate() {
            let is_there = there.as_ref().is_some_and(|there| there.digest == self.graph.root.digest);
            if target.tag().is_none() || is_there {
                continue;
            }
            if let Err(Unmoved { reason, may_have_moved }) = self.tag(target, there.as_ref()) {
                let end = at + usize::from(may_have_moved);
                let left = self.put_back(&targets[..end], &before[..end]);
                return Err(match reason {
                    None if left.is_empty() => PublishError::Moved { reference: target.to_string() },
                    reason => PublishError::Tag {
                        reference: target.to_string(),
                        reason: reason.unwrap_or_else(|| "it was moved by somebody else meanwhile".into()),
                        left,
                    },
                });
            }
        }
        Ok(())
    }

    /// Moves one tag, and reads it back.
    fn tag(&self, target: &Reference, there: Option<&Content>) -> Result<(), Unmoved> {
        let Settings { client, runtime, .. } = self.settings;
        let text = |error: Error| Unmoved { reason: Some(said(&error)), may_have_moved: false };
        let is_as_before = match (runtime.block_on(client.manifest_head(target)), there) {
            // A registry that announces no digest can't be asked so.
            (Ok(head), Some(there)) => head.digest.is_none_or(|digest| digest == there.digest),
            (Ok(_), None) => false,
            (Err(error), there) if is_absent(&error) => there.is_none(),
            (Err(error), _) => return Err(text(error)),
        };
        if !is_as_before {
            return Err(Unmoved { reason: None, may_have_moved: false });
        }
        let put = runtime.block_on(client.push_manifest(target, &self.graph.root));
        let read = put.and_then(|()| runtime.block_on(client.manifest(target)));
        let wrong = match read {
            Ok(content) if content.bytes == self.graph.root.bytes => return Ok(()),
            Ok(content) => format!("it was put, and points at {} when it is read back", content.digest),
            Err(error) => said(&error),
        };
        // It may have been taken, and only the answer lost.
        Err(Unmoved { reason: Some(wrong), may_have_moved: true })
    }

    /// Puts tags back; those that could not be, with the reason. What was there before comes first: as long as such a
    /// tag points at what was put, that can't be deleted by its digest.
    fn put_back(&self, targets: &[Reference], before: &[Option<Content>]) -> Vec<(Reference, String)> {
        let moved = targets.iter().zip(before).filter(|(target, there)| {
            target.tag().is_some()
                && there.as_ref().is_none_or(|there| there.digest != self.graph.root.digest)
        });
        let (old, new): (Vec<_>, Vec<_>) = moved.partition(|(_, there)| there.is_some());
        let mut left = Vec::new();
        for (target, there) in old.into_iter().chain(new) {
            let is_pointed_at =
                left.iter().any(|(other, _): &(Reference, String)| other.repository() == target.repository());
            if let Err(reason) = self.restore(target, there.as_ref(), !is_pointed_at) {
                left.push((target.clone(), reason));
            }
        }
        left
    }

    /// Makes a tag what it was.
    fn restore(&self, target: &Reference, there: Option<&Content>, may_delete: bool) -> Result<(), String> {
        let Settings { client, runtime, .. } = self.settings;
        let done = match there {
            Some(content) => {
                return runtime.block_on(client.push_manifest(target, content)).map_err(|error| said(&error));
            }
            None => runtime.block_on(client.delete_manifest(target)),
        };
        // Some registries delete no tags, but what they point at: nothing else points at what was not there before.
        let by_digest = target.repository().with_digest(self.graph.root.digest.clone());
        let done = match done {
            Err(error) if !is_absent(&error) && may_delete && self.is_new(target) => {
                runtime.block_on(client.delete_manifest(&by_digest)).map_err(|_| error)
            }
            done => done,
        };
        match done {
            Err(error) if is_absent(&error) => Ok(()),
            done => done.map_err(|error| said(&error)),
        }
    }
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
