//! Recipes as they are written. The types are what `docs/recipe.schema.json` is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};
use workson_oci::Digest;

use super::{Complaint, File, Part, Recipe, RecipeError, What, names};

/// An image of several platforms: what each of them is made of.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "workson recipe"))]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// Where the image is pushed: a reference. Without a tag, `tags` say which.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    image: Option<Spanned<String>>,
    /// Further tags of `image`, or whole references, at any registry.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    tags: Vec<Spanned<String>>,
    /// The annotations of the index.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// How a container is started: of every platform that is made of a root.
    #[serde(default)]
    config: Config,
    /// The platforms that have to come out, and no others.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    expect: Option<Vec<Spanned<String>>>,
    /// The platforms, in the order that the index has.
    #[cfg_attr(test, schemars(with = "Vec<Entry>", length(min = 1)))]
    platforms: Spanned<Vec<Spanned<Entry>>>,
}

/// One platform, made of a `root` or taken from an `image`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Entry {
    /// `linux/arm64`, `linux/arm/v7`, `windows(10.0.20348)/amd64`. An image tells its own, and may be left to.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    platform: Option<Spanned<String>>,
    /// A root file system: a tar, tar.gz or tar.zst file, or a folder. A relative path begins where the recipe lies.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    root: Option<Spanned<String>>,
    /// An existing image: a reference at any registry, `oci:DIR[:NAME]`, `oci:DIR@DIGEST` or `docker-archive:FILE[:TAG]`.
    /// Of an index, the platform that is named, or all of them.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    image: Option<Spanned<String>>,
    /// The SHA-256 that the root's file has to have, in hex.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>", regex(pattern = "^[0-9a-f]{64}$")))]
    sha256: Option<Spanned<String>>,
    /// The SHA-512 that the root's file has to have, in hex.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<String>", regex(pattern = "^[0-9a-f]{128}$")))]
    sha512: Option<Spanned<String>>,
    /// How a container of this platform is started, where that differs. Lists and texts take the place of those of all;
    /// variables and labels are added to them.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Option<Config>"))]
    config: Option<Spanned<Config>>,
    /// The annotations of the platform's entry in the index, and of its manifest where that is made of a root.
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// How a container is started. The names are those of compose files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is started, before the words of `command`: a list of words.
    pub entrypoint: Option<Vec<String>>,
    /// What is started, or the words behind `entrypoint`: a list of words.
    pub command: Option<Vec<String>>,
    /// Variables.
    #[serde(deserialize_with = "variables")]
    pub environment: BTreeMap<String, String>,
    /// The user that it is started as: a name or number, with a group behind a colon.
    pub user: Option<String>,
    /// The folder that it is started in.
    #[serde(deserialize_with = "folder")]
    pub working_dir: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The ports that it listens on: `80`, `80/tcp`, `53/udp`.
    #[serde(deserialize_with = "ports")]
    #[cfg_attr(test, schemars(inner(regex(pattern = "^[0-9]+(/(tcp|udp|sctp))?$"))))]
    pub expose: Option<Vec<String>>,
    /// The folders that are volumes.
    #[serde(deserialize_with = "folders")]
    pub volumes: Option<Vec<String>>,
    /// The signal that asks it to end, like `SIGQUIT`.
    pub stop_signal: Option<String>,
}

impl Config {
    /// With what one platform has of its own.
    fn with(&self, own: &Config) -> Config {
        let merged = |all: &BTreeMap<String, String>, own: &BTreeMap<String, String>| {
            all.iter().chain(own).map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        let all = self.clone();
        let own = own.clone();
        Config {
            environment: merged(&all.environment, &own.environment),
            labels: merged(&all.labels, &own.labels),
            entrypoint: own.entrypoint.or(all.entrypoint),
            command: own.command.or(all.command),
            user: own.user.or(all.user),
            working_dir: own.working_dir.or(all.working_dir),
            expose: own.expose.or(all.expose),
            volumes: own.volumes.or(all.volumes),
            stop_signal: own.stop_signal.or(all.stop_signal),
        }
    }
}

fn variables<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let variables = BTreeMap::<String, String>::deserialize(deserializer)?;
    match variables.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        Some(name) => Err(serde::de::Error::custom(format!("{name:?} can't be the name of a variable"))),
        None => Ok(variables),
    }
}

fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let path = Option::<String>::deserialize(deserializer)?;
    path.map(absolute).transpose()
}

fn folders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let paths = Option::<Vec<String>>::deserialize(deserializer)?;
    paths.map(|paths| paths.into_iter().map(absolute).collect()).transpose()
}

fn absolute<E: serde::de::Error>(path: String) -> Result<String, E> {
    // Windows has drives.
    match path.starts_with('/') || path.as_bytes().get(1) == Some(&b':') {
        true => Ok(path),
        false => Err(E::custom(format!("{path:?} is no path from the root on, like /srv"))),
    }
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let port = |text: String| {
        let (number, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
        let is_port = number.parse::<u16>().is_ok_and(|number| number > 0);
        match is_port && ["tcp", "udp", "sctp"].contains(&protocol) {
            true => Ok(format!("{number}/{protocol}")),
            false => Err(serde::de::Error::custom(format!("{text:?} is no port, like 80, 80/tcp or 53/udp"))),
        }
    };
    let ports = Option::<Vec<String>>::deserialize(deserializer)?;
    ports.map(|ports| ports.into_iter().map(port).collect()).transpose()
}

/// What a recipe means.
pub(super) fn recipe(written: Written, file: &File<'_>) -> Result<Recipe, RecipeError> {
    let platforms = &written.platforms;
    if platforms.value.is_empty() {
        let complaint =
            Complaint::new("`platforms` has none").with_hint("a platform needs a `root` or an `image`");
        return Err(file.error(platforms.referenced, complaint));
    }
    let parts = platforms.value.iter().map(|entry| part(entry, &written.config, file));
    let platform = |text: &Spanned<String>| {
        names::platform(&text.value).map_err(|complaint| file.error(text.referenced, complaint))
    };
    let expect = written.expect.as_ref();
    Ok(Recipe {
        name: file.name.to_owned(),
        references: file.references(written.image.as_ref(), &written.tags)?,
        annotations: written.annotations.clone(),
        parts: parts.collect::<Result<_, _>>()?,
        expect: expect.map(|all| all.iter().map(platform).collect::<Result<_, _>>()).transpose()?,
    })
}

fn part(entry: &Spanned<Entry>, shared: &Config, file: &File<'_>) -> Result<Part, RecipeError> {
    let at = entry.referenced;
    let Entry { platform, root, image, annotations, .. } = &entry.value;
    let told = match platform {
        None => None,
        Some(text) => {
            let read = names::platform(&text.value);
            Some(read.map_err(|complaint| file.error(text.referenced, complaint))?)
        }
    };
    let what = what(entry, told.is_some(), shared, file)?;
    let source_at = root.as_ref().or(image.as_ref()).map_or(at, |source| source.referenced);
    Ok(Part {
        at: file.at(at),
        source_at: file.at(source_at),
        platform: told,
        what,
        annotations: annotations.clone(),
    })
}

/// What a platform is made of.
fn what(
    entry: &Spanned<Entry>,
    has_platform: bool,
    shared: &Config,
    file: &File<'_>,
) -> Result<What, RecipeError> {
    let Entry { root, image, config, .. } = &entry.value;
    let at = entry.referenced;
    let refuse =
        |at: Location, what: &str, hint: &str| Err(file.error(at, Complaint::new(what).with_hint(hint)));
    match (root, image) {
        (Some(_), Some(image)) => {
            refuse(image.referenced, "a platform has a `root` or an `image`, not both", "take one away")
        }
        (None, None) => refuse(at, "a platform needs a `root` or an `image`", "say what it is made of"),
        (Some(_), None) if !has_platform => {
            refuse(at, "a root needs a `platform`", "say which, like linux/arm64")
        }
        (Some(root), None) if root.value.is_empty() => {
            refuse(root.referenced, "`root` is empty", "name a tar file or a folder")
        }
        (Some(root), None) => {
            let path = file.path(&root.value);
            let own = config.as_ref().map(|own| shared.with(&own.value));
            Ok(What::Root {
                name: path.display().to_string(),
                path,
                checksums: checksums(&entry.value, file)?,
                config: Box::new(own.unwrap_or_else(|| shared.clone())),
            })
        }
        (None, Some(image)) => {
            if let Some(config) = config {
                let what = "an existing image keeps its own config";
                return refuse(config.referenced, what, "take `config` away here, or give a `root`");
            }
            if let Some(checksum) = entry.value.sha512.as_ref().or(entry.value.sha256.as_ref()) {
                let what = "a checksum is of a root's file, and this is an image";
                return refuse(checksum.referenced, what, "name the image by its digest: NAME@sha256:…");
            }
            let place = file.place(&image.value);
            place.map(What::Image).map_err(|complaint| file.error(image.referenced, complaint))
        }
    }
}

/// The checksums of a root, as digests.
fn checksums(entry: &Entry, file: &File<'_>) -> Result<Vec<Digest>, RecipeError> {
    let mut checksums = Vec::new();
    for (algorithm, text) in [("sha512", &entry.sha512), ("sha256", &entry.sha256)] {
        let Some(text) = text else { continue };
        let digest = format!("{algorithm}:{}", text.value.to_ascii_lowercase()).parse();
        checksums.push(digest.map_err(|error| {
            let complaint = Complaint::new(format!("the {algorithm} {:?} is none: {error}", text.value));
            file.error(text.referenced, complaint.with_hint(format!("it is what {algorithm}sum prints")))
        })?);
    }
    Ok(checksums)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use std::path::Path;

    use serde_json::Value;

    use super::*;

    const PUBLISHED: &str = include_str!("../../../docs/recipe.schema.json");

    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Written)).unwrap();
        assert!(
            PUBLISHED.trim_end() == schema,
            "docs/recipe.schema.json is not what the types say; it has to be:\n{schema}"
        );
    }

    #[test]
    fn the_published_schema_takes_what_is_read_and_refuses_what_is_not() {
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("recipe.json", serde_json::from_str(PUBLISHED).unwrap()).unwrap();
        let schema = compiler.compile("recipe.json", &mut schemas).unwrap();
        let example = include_str!("../../../examples/alpine/recipe.yaml");
        let long = format!("platforms: [{{platform: linux/arm64, root: a, sha256: '{}'}}]", "0".repeat(64));
        for (recipe, is_good) in [
            (example, true),
            (&long, true),
            ("platforms: [{platform: linux/arm64, root: a}]", true),
            ("{image: a, tags: [b], platforms: [{image: a/b}]}", true),
            ("{config: {expose: ['53/udp'], command: [a], labels: {a: b}}, platforms: [{image: a/b}]}", true),
            ("platforms: []", false),
            ("{}", false),
            ("{platforms: [{image: a/b}], colour: red}", false),
            ("{platforms: [{image: a/b, colour: red}]}", false),
            ("{config: {colour: red}, platforms: [{image: a/b}]}", false),
            ("{config: {command: /bin/sh}, platforms: [{image: a/b}]}", false),
            ("{config: {expose: ['53/tpc']}, platforms: [{image: a/b}]}", false),
            ("{config: {working_dir: [a]}, platforms: [{image: a/b}]}", false),
            ("platforms: [{platform: linux/arm64, root: a, sha256: abc}]", false),
        ] {
            let value: Value = serde_saphyr::from_str(recipe).unwrap();
            let validated = schemas.validate(&value, schema);
            assert_eq!(
                validated.is_ok(),
                is_good,
                "the schema, of {recipe}: {:?}",
                validated.err().map(|e| e.to_string())
            );
            let read = Recipe::read(recipe, "recipe.yaml", Path::new(""));
            assert_eq!(read.is_ok(), is_good, "{recipe}: {read:?}");
        }
    }
}
