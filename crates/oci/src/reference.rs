//! Names of images, as docker reads them (distribution/reference).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::Digest;
use crate::digest::DigestError;
use crate::platform::normalize::to_lower;

/// The longest text that is looked at, in bytes: a path of 255, a tag of 128, a sha512 digest and the longest
/// host that the DNS knows, with its port, fit in well.
pub const MAX_REFERENCE_LEN: usize = 1024;

/// The longest path of a repository, in bytes.
pub const MAX_PATH_LEN: usize = 255;

/// The longest tag, in bytes.
pub const MAX_TAG_LEN: usize = 128;

/// The tag of a name that has neither tag nor digest.
pub const DEFAULT_TAG: &str = "latest";

const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_LEGACY: &str = "index.docker.io";
const DOCKER_HUB_API: &str = "registry-1.docker.io";
const OFFICIAL: &str = "library/";

/// A repository in a registry, by its canonical name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    /// The registry with its port if it has one; `docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path inside the registry, like `library/nginx`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name as docker prints it: `nginx`, `grafana/grafana`, `ghcr.io/owner/name`.
    ///
    /// As with docker, a repository of Docker Hub whose path begins like a host reads back as another.
    pub fn familiar(&self) -> String {
        if self.registry != DOCKER_HUB {
            return self.to_string();
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The host, with its port if it has one, that answers for the registry: Docker Hub's is not its name.
    pub fn api_host(&self) -> &str {
        if self.registry == DOCKER_HUB { DOCKER_HUB_API } else { &self.registry }
    }

    /// The reference to a tag of this repository, without a digest.
    pub fn with_tag(&self, tag: &str) -> Result<Reference, ReferenceError> {
        Ok(Reference { repository: self.clone(), tag: Some(check_tag(tag)?), digest: None })
    }

    /// The reference to a digest in this repository, without a tag.
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference { repository: self.clone(), tag: None, digest: Some(digest) }
    }

    /// Whether the registry runs on this machine, by its name: `localhost`, `*.localhost`, 127.0.0.0/8, `[::1]`.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.registry)
    }
}

/// Whether `host`, with or without a port, names this machine: `localhost` or a name below it ([RFC 6761,
/// section 6.3]), or a loopback address.
///
/// [RFC 6761, section 6.3]: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
pub fn is_loopback(host: &str) -> bool {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
    }
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let is_name = host == "localhost" || host.ends_with(".localhost");
    is_name || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// The name of an image: a repository, and a tag or a digest or both.
///
/// ```
/// use workson_oci::Reference;
/// let nginx: Reference = "nginx".parse().unwrap();
/// assert_eq!(nginx.to_string(), "docker.io/library/nginx:latest");
/// assert_eq!((nginx.familiar().as_str(), nginx.target()), ("nginx:latest", "latest"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The registry of the repository.
    pub fn registry(&self) -> &str {
        &self.repository.registry
    }

    /// The tag. It is absent only where there is a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What a request asks the repository for: the digest if there is one, else the tag.
    pub fn target(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => DEFAULT_TAG,
        }
    }

    /// The reference as docker prints it, with `docker.io` and `library` left out: `nginx:latest`.
    pub fn familiar(&self) -> String {
        format!("{}{}", self.repository.familiar(), self.suffix())
    }

    /// The same repository, and the same digest if there is one, with another tag.
    pub fn with_tag(&self, tag: &str) -> Result<Reference, ReferenceError> {
        Ok(Reference { tag: Some(check_tag(tag)?), ..self.clone() })
    }

    /// The same repository and tag, with a digest.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Reference {
        Reference { digest: Some(digest), ..self.clone() }
    }

    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
        tag + &digest
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.repository, self.suffix())
    }
}

/// Why a text is no name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is nothing.
    #[error("the name of the image is empty; write one like nginx or ghcr.io/owner/name:tag")]
    Empty,
    /// More than [`MAX_REFERENCE_LEN`] bytes.
    #[error("the name of the image has {0} bytes; more than {MAX_REFERENCE_LEN} are not looked at")]
    TooLong(usize),
    /// It begins like a web address.
    #[error("the name of an image has no scheme; leave {scheme:?} away and write {rest:?}")]
    Scheme {
        /// What to leave away.
        scheme: String,
        /// What remains.
        rest: String,
    },
    /// 64 hex digits alone, which docker takes for the identifier of a local image.
    #[error(
        "{0:?} is 64 hex digits, which identify an image on one machine and none in a registry; write a name like \
         nginx, or a digest behind one like nginx@sha256:…"
    )]
    Identifier(String),
    /// The part before the first slash is taken for a registry and is none.
    #[error(
        "the registry {0:?} is no host; it has letters, digits, '-' and '.', and maybe a port, like ghcr.io or \
         localhost:5000"
    )]
    Registry(String),
    /// An IPv6 address of a form that names of images do not have.
    #[error(
        "the registry {0:?} is no host; an IPv6 address is written in brackets with hex digits and colons alone, \
         like [2001:db8::1]:5000, without a zone or an embedded IPv4 address"
    )]
    Ipv6(String),
    /// The path of the repository has upper-case letters.
    #[error("the repository {name:?} has upper-case letters; write {lower:?}")]
    Uppercase {
        /// The path as written.
        name: String,
        /// The path in lower case.
        lower: String,
    },
    /// The path of the repository is not built like one.
    #[error(
        "{0:?} is no name of a repository; it has lower-case letters and digits, joined by '.', '_', '__' or dashes, \
         in parts between slashes, like grafana/grafana"
    )]
    Path(String),
    /// The path of the repository has more than [`MAX_PATH_LEN`] bytes.
    #[error("the path of the repository has {0} characters; {MAX_PATH_LEN} are allowed")]
    PathTooLong(usize),
    /// The tag is not built like one.
    #[error(
        "{0:?} is no tag; it has letters, digits, '_', '.' and '-', and begins with neither '.' nor '-', like \
         1.27-alpine"
    )]
    Tag(String),
    /// The tag has more than [`MAX_TAG_LEN`] characters.
    #[error("the tag has {0} characters; {MAX_TAG_LEN} are allowed")]
    TagTooLong(usize),
    /// The part behind the `@` is no digest that workson can check.
    #[error("the part behind '@' is no digest: {0}")]
    Digest(#[from] DigestError),
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads a name as docker does: without a registry it is Docker Hub's, `nginx` is in `library`, and without
    /// tag and digest the tag is `latest`.
    ///
    /// Where docker would read a registry that is no host, like `foo_bar.com/name`, and go on without any
    /// registry, this is an error. So is a digest that is neither sha256 nor sha512.
    fn from_str(text: &str) -> Result<Reference, ReferenceError> {
        check_whole(text)?;
        let (registry, rest) = split_registry(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        check_registry(registry)?;
        check_path(path)?;
        let is_official = registry == DOCKER_HUB && !path.contains('/');
        let path = format!("{}{path}", if is_official { OFFICIAL } else { "" });
        if path.len() > MAX_PATH_LEN {
            return Err(ReferenceError::PathTooLong(path.len()));
        }
        let tag = tag.map(check_tag).transpose()?;
        let digest = digest.map(Digest::from_str).transpose()?;
        let tag = if digest.is_none() { tag.or_else(|| Some(DEFAULT_TAG.to_owned())) } else { tag };
        Ok(Reference { repository: Repository { registry: registry.to_owned(), path }, tag, digest })
    }
}

fn check_whole(text: &str) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Empty);
    }
    if text.len() > MAX_REFERENCE_LEN {
        return Err(ReferenceError::TooLong(text.len()));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(ReferenceError::Scheme { scheme: format!("{scheme}://"), rest: rest.to_owned() });
    }
    if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(ReferenceError::Identifier(text.to_owned()));
    }
    Ok(())
}

/// The registry and what follows it. What stands before the first slash is one if it is `localhost` or has a
/// dot, a colon or an upper-case letter.
fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((DOCKER_HUB_LEGACY, rest)) => (DOCKER_HUB, rest),
        Some((first, rest))
            if first == "localhost" || first.contains(['.', ':']) || to_lower(first) != first =>
        {
            (first, rest)
        }
        _ => (DOCKER_HUB, text),
    }
}

/// A host name, an IPv4 address or an IPv6 address in brackets, and maybe a port.
fn check_registry(registry: &str) -> Result<(), ReferenceError> {
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (registry, None),
    };
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    if registry.starts_with('[') || host.contains(':') {
        let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
        let is_address = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        let valid = is_port && is_address;
        return if valid { Ok(()) } else { Err(ReferenceError::Ipv6(registry.to_owned())) };
    }
    let is_label = |label: &str| {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inside)
    };
    let valid = is_port && host.split('.').all(is_label);
    if valid { Ok(()) } else { Err(ReferenceError::Registry(registry.to_owned())) }
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.split('/').all(is_component) {
        return Ok(());
    }
    let lower = to_lower(path);
    if lower != path && lower.split('/').all(is_component) {
        return Err(ReferenceError::Uppercase { name: path.to_owned(), lower });
    }
    Err(ReferenceError::Path(path.to_owned()))
}

/// Runs of lower-case letters and digits, with one of the separators between each two.
fn is_component(component: &str) -> bool {
    let is_word = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9');
    let mut separators = component.as_bytes().split(|&b| is_word(b)).filter(|run| !run.is_empty());
    let is_separator = |run: &[u8]| matches!(run, b"." | b"_" | b"__") || run.iter().all(|&b| b == b'-');
    let at_word = |b: Option<u8>| b.is_some_and(is_word);
    at_word(component.bytes().next())
        && at_word(component.bytes().next_back())
        && separators.all(is_separator)
}

fn check_tag(tag: &str) -> Result<String, ReferenceError> {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let is_tag = tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|b| is_word(b) || matches!(b, b'.' | b'-'));
    if !is_tag {
        return Err(ReferenceError::Tag(tag.to_owned()));
    }
    if tag.len() > MAX_TAG_LEN {
        return Err(ReferenceError::TagTooLong(tag.len()));
    }
    Ok(tag.to_owned())
}
