//! Writing an image layout.
//!
//! A blob stands under its digest only once all of it has come and its digest is right; `oci-layout` and `index.json`
//! come last. So a layout that is broken off never looks whole, and going on with it fetches nothing twice.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::{Value, json};
use workson_oci::digest::Hasher;
use workson_oci::text::printable;
use workson_oci::{Content, Digest};

use super::{Layout, LayoutError, REF_NAME, bounded, regular};

/// How much is read and written at once.
const PIECE: usize = 256 << 10;
/// The version of the layouts that are written.
const VERSION: &str = "1.0.0";

impl Layout {
    /// The layout in `folder`, which is made where it is not there. An empty folder becomes one; a folder with other
    /// things in it does not.
    ///
    /// # Errors
    /// Where it can't be made, or has other things in it.
    pub fn create(folder: &Path) -> Result<Layout, LayoutError> {
        let tried = || format!("making the image layout {}", folder.display());
        let blobs = folder.join("blobs");
        refuse_link(&blobs)?;
        refuse_link(&blobs.join("sha256"))?;
        refuse_other_version(folder)?;
        if !folder.join("oci-layout").exists() && !blobs.is_dir() {
            let is_empty = match fs::read_dir(folder) {
                Ok(mut entries) => entries.next().is_none(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => true,
                Err(error) => return Err(LayoutError::new(tried(), error)),
            };
            if !is_empty {
                return Err(LayoutError::new(tried(), "the folder has something else in it"));
            }
        }
        fs::create_dir_all(blobs.join("sha256")).map_err(|error| LayoutError::new(tried(), error))?;
        Ok(Layout { folder: folder.to_owned() })
    }

    /// Whether it has a blob, whose bytes are read to know.
    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        let check = || -> io::Result<bool> {
            let path = self.path(digest);
            // What is a link leads to what is another's to change.
            if fs::symlink_metadata(&path)?.is_symlink() {
                return Ok(false);
            }
            let mut file = regular(&path)?;
            if file.metadata()?.len() != size {
                return Ok(false);
            }
            let mut hasher = Hasher::new(digest.algorithm());
            copy(&mut file, |bytes| {
                hasher.update(bytes);
                Ok(())
            })?;
            Ok(hasher.finish() == *digest)
        };
        check().unwrap_or(false)
    }

    /// Puts a blob. What an earlier attempt left of it is not fetched again: `open` gives its bytes from the one on
    /// that it is told. `watch` is told how many bytes have come.
    ///
    /// # Errors
    /// Where it can't be had or written, is longer or shorter than `size`, or has another digest.
    pub fn put_blob(
        &self,
        digest: &Digest,
        size: u64,
        open: impl FnOnce(u64) -> Result<Box<dyn Read + Send>, String>,
        watch: &dyn Fn(u64),
    ) -> Result<(), LayoutError> {
        let path = self.path(digest);
        let tried = || format!("writing {}", path.display());
        let failed = |error: io::Error| LayoutError::new(tried(), error);
        if let Some(folder) = path.parent() {
            refuse_link(folder)?;
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let begun = path.with_file_name(format!(".{}.part", digest.hex()));
        let Some(mut file) = self.begin(&begun, digest, size).map_err(failed)? else {
            watch(size);
            return Ok(());
        };
        let mut hasher = Hasher::new(digest.algorithm());
        let mut length = copy(&mut file, |bytes| {
            hasher.update(bytes);
            Ok(())
        })
        .map_err(failed)?;
        if length > size {
            file.set_len(0).map_err(failed)?;
            (hasher, length) = (Hasher::new(digest.algorithm()), 0);
        }
        let source = open(length).map_err(|error| LayoutError::new(tried(), error))?;
        // One byte more than it may have tells that it is too long.
        let mut source = source.take(size - length + 1);
        length += copy(&mut source, |bytes| {
            hasher.update(bytes);
            watch(bytes.len() as u64);
            file.write_all(bytes)
        })
        .map_err(failed)?;
        if length < size {
            return Err(LayoutError::new(tried(), format!("{length} bytes came of {size}")));
        }
        let found = hasher.finish();
        if length > size || found != *digest {
            // Nothing of it is worth keeping.
            let _ = fs::remove_file(&begun);
            let what = match length > size {
                true => format!("more than {size} bytes came"),
                false => format!("the bytes that came have the digest {found}"),
            };
            return Err(LayoutError::new(tried(), what));
        }
        fs::rename(&begun, &path).map_err(failed)
    }

    /// Opens what is written of a blob, for this run alone: another one that writes it is waited for. Nothing where that
    /// one has brought it meanwhile.
    fn begin(&self, begun: &Path, digest: &Digest, size: u64) -> io::Result<Option<File>> {
        loop {
            let file = begin_file(begun)?;
            file.lock()?;
            // Whoever had it may have given it its name, or have removed it.
            if is_at(&file, begun)? {
                return Ok(Some(file));
            }
            if self.has(digest, size) {
                return Ok(None);
            }
        }
    }

    /// Puts a document, as it was received.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn put_document(&self, content: &Content) -> Result<(), LayoutError> {
        let bytes = content.bytes.clone();
        let open = |from| {
            let rest = bytes.slice(usize::try_from(from).unwrap_or(bytes.len()).min(bytes.len())..);
            Ok(Box::new(io::Cursor::new(rest)) as Box<dyn Read + Send>)
        };
        self.put_blob(&content.digest, content.bytes.len() as u64, open, &|_| {})
    }

    /// Names an image that is there: an entry of `index.json`. Another of the same name gives way; without a name, one
    /// of the same digest, and those that have no name either, nor anything else that would tell them apart.
    ///
    /// # Errors
    /// Where `index.json` can't be read or written.
    pub fn put_name(&self, root: &Content, name: Option<&str>) -> Result<(), LayoutError> {
        let path = self.folder.join("index.json");
        let tried = || format!("writing {}", path.display());
        // Two at once would each write without the other's name. The lock goes with this.
        let lock = File::open(self.folder.join("blobs")).and_then(|folder| folder.lock().map(|()| folder));
        let _lock = lock.map_err(|error| LayoutError::new(tried(), error))?;
        let mut index: Value = match bounded(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| LayoutError::new(tried(), error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": [],
            }),
            Err(error) => return Err(LayoutError::new(tried(), error)),
        };
        let mut entry = json!({
            "mediaType": root.media_type.as_str(),
            "digest": root.digest.as_str(),
            "size": root.bytes.len(),
        });
        if let Some(name) = name {
            entry["annotations"] = json!({ REF_NAME: name });
        }
        let Some(entries) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
            return Err(LayoutError::new(tried(), "it has no list of manifests"));
        };
        let name_of = |entry: &Value| entry["annotations"][REF_NAME].as_str().map(str::to_owned);
        entries.retain(|old| match name {
            Some(name) => name_of(old).as_deref() != Some(name),
            None => name_of(old).is_some() || (old["digest"] != entry["digest"] && is_told_apart(old)),
        });
        entries.push(entry);
        let write = |name: &str, bytes: &[u8]| -> io::Result<()> {
            let mut builder = tempfile::Builder::new();
            // Who may read the blobs may read what names them.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let mut file = builder.tempfile_in(&self.folder)?;
            file.write_all(bytes)?;
            file.persist(self.folder.join(name)).map_err(|error| error.error)?;
            Ok(())
        };
        let mark = json!({ "imageLayoutVersion": VERSION }).to_string();
        write("oci-layout", mark.as_bytes())
            .and_then(|()| write("index.json", index.to_string().as_bytes()))
            .map_err(|error| LayoutError::new(tried(), error))
    }
}

/// Whether an entry without a name says something by which it is not taken for another.
fn is_told_apart(entry: &Value) -> bool {
    let says = |field: &str| entry[field].as_object().is_some_and(|field| !field.is_empty());
    says("platform") || says("annotations")
}

/// Refuses a folder of blobs that is a link: what is written would be written elsewhere.
fn refuse_link(folder: &Path) -> Result<(), LayoutError> {
    match fs::symlink_metadata(folder).is_ok_and(|found| found.is_symlink()) {
        true => Err(LayoutError::new(
            format!("writing into {}", folder.display()),
            "it is a link, and what is written there would be elsewhere; put a folder in its place",
        )),
        false => Ok(()),
    }
}

/// Refuses a layout of a version that is not known here: its mark would be written anew.
fn refuse_other_version(folder: &Path) -> Result<(), LayoutError> {
    let mark = folder.join("oci-layout");
    let read: Option<Value> = bounded(&mark).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match read.as_ref().and_then(|read| read["imageLayoutVersion"].as_str()) {
        Some(version) if version != VERSION => {
            let version = printable(version);
            let what = format!(
                "it says that the layout has the version {version}, and {VERSION} is written here; name another folder"
            );
            Err(LayoutError::new(format!("reading {}", mark.display()), what))
        }
        _ => Ok(()),
    }
}

/// Opens the file that a blob is written to, or what is there of it; no link, and nothing but a file.
fn begin_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    match options.open(path) {
        Err(_) if is_link => Err(io::Error::other(format!("{} is a link: remove it", path.display()))),
        Ok(file) if !file.metadata()?.is_file() => {
            Err(io::Error::other(format!("{} is no file: remove it", path.display())))
        }
        opened => opened,
    }
}

/// Whether a file still has this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let own = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Reads to the end, piece by piece; how many bytes there were.
fn copy(source: &mut impl Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let mut buffer = vec![0; PIECE];
    let mut length = 0;
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(read) => {
                take(&buffer[..read])?;
                length += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use workson_oci::MediaType;

    use super::*;
    use crate::layout::Selector;

    fn content(text: &str) -> Content {
        let bytes = text.as_bytes().to_vec();
        let media_type = MediaType::new("application/vnd.oci.image.manifest.v1+json");
        Content { digest: Digest::sha256(&bytes), media_type, bytes: bytes.into() }
    }

    fn bytes(text: &'static str) -> impl FnOnce(u64) -> Result<Box<dyn Read + Send>, String> {
        move |from| Ok(Box::new(&text.as_bytes()[from as usize..]))
    }

    #[test]
    fn a_blob_stands_under_its_digest_once_it_is_whole_and_right() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let digest = Digest::sha256(b"hello");
        for (wrong, says) in
            [("hell", "4 bytes came of 5"), ("hellooo", "more than 5"), ("jello", "the digest")]
        {
            let error = layout.put_blob(&digest, 5, bytes(wrong), &|_| {}).unwrap_err().to_string();
            assert!(error.contains(says), "{wrong}: {error}");
            assert!(!layout.has(&digest, 5) && layout.blob(&digest).is_err(), "{wrong}");
            let _ = fs::remove_file(folder.path().join(format!("blobs/sha256/.{}.part", digest.hex())));
        }
        layout.put_blob(&digest, 5, bytes("hello"), &|_| {}).unwrap();
        assert!(layout.has(&digest, 5) && !layout.has(&digest, 4));
        fs::write(layout.path(&digest), "jello").unwrap();
        assert!(!layout.has(&digest, 5), "what was damaged later is not there");
    }

    #[test]
    fn what_came_before_a_break_is_not_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let digest = Digest::sha256(b"hello");
        layout.put_blob(&digest, 5, |_| Ok(Box::new(&b"hel"[..])), &|_| {}).unwrap_err();
        let mut asked = None;
        let open = |from| {
            asked = Some(from);
            bytes("hello")(from)
        };
        layout.put_blob(&digest, 5, open, &|_| {}).unwrap();
        assert_eq!(asked, Some(3));
        assert!(layout.has(&digest, 5));
    }

    #[test]
    fn a_layout_is_whole_once_it_has_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        assert!(Layout::open(folder.path()).is_err(), "nothing is in it yet");
        let (one, two) = (content(r#"{"config":{},"layers":[]}"#), content(r#"{"config":{},"layers":[ ]}"#));
        for (image, name) in
            [(&one, Some("a")), (&one, None), (&one, None), (&two, Some("a")), (&one, Some("b"))]
        {
            layout.put_document(image).unwrap();
            layout.put_name(image, name).unwrap();
        }
        let read = Layout::open(folder.path()).unwrap();
        assert_eq!(read.root(&Selector::Name("a".into())).unwrap().digest, two.digest);
        assert_eq!(read.root(&Selector::Name("b".into())).unwrap().digest, one.digest);
        let index: Value =
            serde_json::from_slice(&fs::read(folder.path().join("index.json")).unwrap()).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 3, "{index:#}");
    }

    #[test]
    fn a_folder_with_other_things_is_not_made_a_layout() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "").unwrap();
        let error = Layout::create(folder.path()).unwrap_err().to_string();
        assert!(error.contains("something else"), "{error}");
        Layout::create(&folder.path().join("new/one")).unwrap();
    }
}
