//! Images made file by file: layers as tar files, packed in any way, and documents that may lie.

use std::io::Write as _;

use serde_json::{Value, json};
use workson_oci::Digest;

use crate::parts::image::{Layout, OCI_MANIFEST};

pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
pub(crate) const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const TAR_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// A program that needs nothing, as an assembler might make it: a header of ELF, one segment, and what it does. The
/// machine is `e_machine` of ELF: 183 is 64-bit Arm, 62 x86-64.
pub(crate) fn elf(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend([2_u16, machine].map(u16::to_le_bytes).concat());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([0x40_0078_u64, 64, 0].map(u64::to_le_bytes).concat());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend([64_u16, 56, 1, 64, 0, 0].map(u16::to_le_bytes).concat());
    // PT_LOAD, readable and executable, the whole file, aligned for 64 KiB.
    bytes.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    bytes.extend([0_u64, 0x40_0000, 0x40_0000, 128, 128, 0x1_0000].map(u64::to_le_bytes).concat());
    // Something that is not nought stands where it begins: it is looked at, and not run.
    bytes.extend([0x90; 8]);
    bytes
}

/// The files of a layer.
pub(crate) struct Files(tar::Builder<Vec<u8>>);

impl Files {
    pub(crate) fn new() -> Files {
        Files(tar::Builder::new(Vec::new()))
    }

    /// The files of a tar file.
    pub(crate) fn of(tar: &[u8]) -> Files {
        let mut files = Files::new();
        for entry in tar::Archive::new(tar).entries().unwrap() {
            let entry = entry.unwrap();
            files.0.append(&entry.header().clone(), entry).unwrap();
        }
        files
    }

    /// A tar file as it is, which may be none.
    pub(crate) fn raw(tar: Vec<u8>) -> Files {
        let mut builder = tar::Builder::new(Vec::new());
        *builder.get_mut() = tar;
        Files(builder)
    }

    /// An entry whose name and link are written as they are, whatever they are.
    pub(crate) fn entry(
        mut self,
        kind: tar::EntryType,
        path: impl AsRef<[u8]>,
        mode: u32,
        link: &[u8],
        bytes: &[u8],
    ) -> Files {
        let path = path.as_ref();
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
        header.set_cksum();
        self.0.append(&header, bytes).unwrap();
        self
    }

    /// A file that may be executed.
    pub(crate) fn program(self, path: impl AsRef<[u8]>, bytes: &[u8]) -> Files {
        self.entry(tar::EntryType::Regular, path, 0o755, b"", bytes)
    }

    /// A file that may not.
    pub(crate) fn file(self, path: impl AsRef<[u8]>, bytes: impl AsRef<[u8]>) -> Files {
        self.entry(tar::EntryType::Regular, path, 0o644, b"", bytes.as_ref())
    }

    pub(crate) fn folder(self, path: &str) -> Files {
        self.entry(tar::EntryType::Directory, path, 0o755, b"", b"")
    }

    pub(crate) fn symlink(self, path: impl AsRef<[u8]>, target: &str) -> Files {
        self.entry(tar::EntryType::Symlink, path, 0o777, target.as_bytes(), b"")
    }

    pub(crate) fn hardlink(self, path: &str, target: &str) -> Files {
        self.entry(tar::EntryType::Link, path, 0o755, target.as_bytes(), b"")
    }

    /// What a lower layer has at this path is gone.
    pub(crate) fn whiteout(self, path: &str) -> Files {
        let (folder, name) = path.rsplit_once('/').unwrap();
        self.file(format!("{folder}/.wh.{name}"), b"")
    }

    /// What lower layers have in this folder is gone.
    pub(crate) fn opaque(self, folder: &str) -> Files {
        self.file(format!("{folder}/.wh..wh..opq"), b"")
    }

    pub(crate) fn tar(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// So many bytes that nothing packs, the same each time.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(noise).collect()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A layer as a manifest names it, and the bytes that are there in its place.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) media_type: String,
    /// The bytes that are there; none where there are none.
    pub(crate) bytes: Option<Vec<u8>>,
    /// The digest that the manifest names.
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) diff_id: String,
    /// The tar file, for whoever unpacks it.
    pub(crate) tar: Vec<u8>,
}

impl Layer {
    /// A tar file, packed.
    pub(crate) fn of(media_type: &str, bytes: Vec<u8>, tar: Vec<u8>) -> Layer {
        Layer {
            media_type: media_type.to_owned(),
            digest: Digest::sha256(&bytes).to_string(),
            size: bytes.len() as u64,
            diff_id: Digest::sha256(&tar).to_string(),
            bytes: Some(bytes),
            tar,
        }
    }

    pub(crate) fn gzip(files: Files) -> Layer {
        let tar = files.tar();
        Layer::of(TAR_GZIP, gzip(&tar), tar)
    }

    pub(crate) fn plain(files: Files) -> Layer {
        let tar = files.tar();
        Layer::of(TAR, tar.clone(), tar)
    }

    pub(crate) fn zstd(files: Files) -> Layer {
        let tar = files.tar();
        Layer::of(TAR_ZSTD, zstd::encode_all(&tar[..], 1).unwrap(), tar)
    }

    /// These bytes, whatever they are, named by their true digest, with a diffID that nothing has.
    pub(crate) fn raw(media_type: &str, bytes: Vec<u8>) -> Layer {
        Layer::of(media_type, bytes, Vec::new())
    }
}

/// An image for one platform.
#[derive(Clone)]
pub(crate) struct Image {
    /// The platform in the index.
    pub(crate) label: String,
    /// The platform in the config.
    pub(crate) config_label: String,
    /// `config` of the config.
    pub(crate) config: Value,
    pub(crate) layers: Vec<Layer>,
}

impl Image {
    /// An image for a platform that starts this command.
    pub(crate) fn new(platform: &str, command: &[&str]) -> Image {
        let config = json!({ "Cmd": command });
        Image { label: platform.to_owned(), config_label: platform.to_owned(), config, layers: Vec::new() }
    }

    /// With one more layer on top.
    pub(crate) fn layer(mut self, files: Files) -> Image {
        self.layers.push(Layer::gzip(files));
        self
    }

    pub(crate) fn with(mut self, layer: Layer) -> Image {
        self.layers.push(layer);
        self
    }

    pub(crate) fn set(mut self, name: &str, value: Value) -> Image {
        self.config[name] = value;
        self
    }

    /// The same bytes under another label, of index and config.
    pub(crate) fn labelled(&self, platform: &str) -> Image {
        Image { label: platform.to_owned(), config_label: platform.to_owned(), ..self.clone() }
    }

    /// The bytes of the config.
    pub(crate) fn config_bytes(&self) -> Vec<u8> {
        let mut config = platform_json(&self.config_label);
        config["created"] = "2024-05-01T12:00:00Z".into();
        config["config"] = self.config.clone();
        let diff_ids: Vec<&str> = self.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
        config["rootfs"] = json!({ "type": "layers", "diff_ids": diff_ids });
        config.to_string().into_bytes()
    }

    /// The bytes of the manifest.
    pub(crate) fn manifest_bytes(&self) -> Vec<u8> {
        let config = self.config_bytes();
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| json!({ "mediaType": layer.media_type, "digest": layer.digest, "size": layer.size }))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": CONFIG,
                "digest": Digest::sha256(&config).as_str(),
                "size": config.len(),
            },
            "layers": layers,
        });
        manifest.to_string().into_bytes()
    }

    /// Puts it into a layout; its entry for an index.
    pub(crate) fn put(&self, layout: &Layout) -> Value {
        let manifest = self.manifest_bytes();
        for (digest, bytes) in self.blobs() {
            let hex = digest.split_once(':').unwrap().1;
            std::fs::write(layout.path().join("blobs/sha256").join(hex), bytes).unwrap();
        }
        let digest = Digest::sha256(&manifest);
        std::fs::write(layout.path().join("blobs/sha256").join(digest.hex()), &manifest).unwrap();
        self.entry()
    }

    /// Its entry for an index.
    pub(crate) fn entry(&self) -> Value {
        let manifest = self.manifest_bytes();
        json!({
            "mediaType": OCI_MANIFEST,
            "digest": Digest::sha256(&manifest).as_str(),
            "size": manifest.len(),
            "platform": platform_json(&self.label),
        })
    }

    /// The config and the layers that are there, by the digests that the manifest names.
    pub(crate) fn blobs(&self) -> Vec<(String, Vec<u8>)> {
        let config = self.config_bytes();
        let mut blobs = vec![(Digest::sha256(&config).to_string(), config)];
        for layer in &self.layers {
            blobs.extend(layer.bytes.clone().map(|bytes| (layer.digest.clone(), bytes)));
        }
        blobs
    }
}

/// A layout with an index of these images, which is tagged `it`.
pub(crate) fn layout_of(images: &[&Image]) -> Layout {
    let mut layout = Layout::new();
    let entries: Vec<Value> = images.iter().map(|image| image.put(&layout)).collect();
    layout.tag_index("it", &entries);
    layout
}

/// The `platform` of an index's entry.
pub(crate) fn platform_json(text: &str) -> Value {
    let mut parts = text.split('/');
    let mut platform = json!({ "os": parts.next().unwrap(), "architecture": parts.next().unwrap() });
    if let Some(variant) = parts.next() {
        platform["variant"] = variant.into();
    }
    platform
}
