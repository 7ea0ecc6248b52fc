//! From files to content.

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{At, Category, Content, Entry, Event, File, Kind, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    name: String,
    kind: String,
    categories: Vec<String>,
    description: String,
    home: Option<String>,
    source: Option<String>,
    license: Option<String>,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    packages: WrittenPackages,
    #[serde(default)]
    aliases: Vec<String>,
    logo: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPackages {
    #[serde(default)]
    purl: Vec<String>,
    repology: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCategory {
    slug: String,
    name: String,
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEvent {
    name: String,
    starts: String,
    ends: String,
    place: String,
    link: String,
    description: Option<String>,
}

pub(super) fn read(files: &[File]) -> (Content, Vec<Problem>) {
    let (mut content, mut problems) = (Content::default(), Vec::new());
    for file in files {
        if let Err(what) = one(file, &mut content) {
            let at = At { file: file.path.clone(), line: 0, column: 0 };
            problems.push(Problem { at, what, hint: None });
        }
    }
    content.events.sort_by_key(|event| event.starts);
    (content, problems)
}

fn yaml<T: DeserializeOwned>(file: &File) -> Result<T, String> {
    let text = std::str::from_utf8(&file.bytes).map_err(|error| error.to_string())?;
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

fn one(file: &File, content: &mut Content) -> Result<(), String> {
    let names: Vec<&str> = file.path.split('/').collect();
    match names[..] {
        ["categories.yaml"] => {
            let written: Vec<WrittenCategory> = yaml(file)?;
            let of = |one: WrittenCategory| Category {
                slug: one.slug,
                name: one.name,
                description: one.description,
            };
            content.categories = written.into_iter().map(of).collect();
        }
        ["entries", name] => {
            let slug = name.trim_end_matches(".yaml").to_owned();
            let written: WrittenEntry = yaml(file)?;
            let images = written.images.iter().map(|image| image.parse());
            content.entries.insert(
                slug.clone(),
                Entry {
                    slug,
                    name: written.name,
                    kind: Kind::from_name(&written.kind).ok_or("kind")?,
                    categories: written.categories,
                    description: written.description,
                    home: written.home,
                    source: written.source,
                    license: written.license,
                    images: images.collect::<Result<_, _>>().map_err(|_| "images".to_owned())?,
                    purls: written.packages.purl,
                    repology: written.packages.repology,
                    aliases: written.aliases,
                    logo: written.logo,
                    images_at: At { file: file.path.clone(), line: 0, column: 0 },
                },
            );
        }
        ["events", name] => {
            let written: WrittenEvent = yaml(file)?;
            let date = |text: &str| text.parse::<Date>().map_err(|error| error.to_string());
            content.events.push(Event {
                slug: name.trim_end_matches(".yaml").to_owned(),
                name: written.name,
                starts: date(&written.starts)?,
                ends: date(&written.ends)?,
                place: written.place,
                link: written.link,
                description: written.description,
            });
        }
        ["logos", name] if name.ends_with(".svg") => {
            content.logos.insert(name.trim_end_matches(".svg").to_owned(), file.bytes.clone());
        }
        _ => {}
    }
    Ok(())
}
