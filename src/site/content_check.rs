//! What is wrong with the content and only shows beside the catalogue: links to pages that are not there, entries of
//! images that are gone.

use std::collections::HashSet;

use super::{Route, Site};
use crate::catalog::check::{Evidence, Presence};
use crate::content::{At, Problem};
use crate::timeline::Moment;

/// For how many dead links the nearest page is looked for, which takes a while where there are many pages.
const SUGGESTED: usize = 25;

impl Site {
    /// What is wrong with the content in view of what is known, by `evidence` and by the pages that there are.
    pub fn content_problems(&self, evidence: &Evidence<'_>) -> Vec<Problem> {
        let mut problems = self.dead_links();
        problems.extend(self.gone_images(evidence));
        problems.sort();
        problems
    }

    fn dead_links(&self) -> Vec<Problem> {
        if self.content.links.is_empty() {
            return Vec::new();
        }
        let routes = self.routes();
        // Whoever writes the site adds the history, which no page is.
        let routes: HashSet<String> = routes.iter().chain([&Route::Sqlite]).map(Route::path).collect();
        let problem = |(number, (at, path)): (usize, &(At, String))| {
            let hint = match routes.contains(&format!("{path}/")) {
                true => format!("the page is {path}/"),
                false if number < SUGGESTED => format!("did you mean {}?", nearest(path, &routes)),
                false => {
                    "pages are named by their address below the site's base, like /entry/nginx/".to_owned()
                }
            };
            Problem {
                at: at.clone(),
                what: format!("the link {path} leads to no page of the site"),
                hint: Some(hint),
            }
        };
        let dead = self.content.links.iter().filter(|(_, path)| !routes.contains(path));
        dead.enumerate().map(problem).collect()
    }

    fn gone_images(&self, evidence: &Evidence<'_>) -> Vec<Problem> {
        let asking = evidence.asking(&[]);
        let mut problems = Vec::new();
        for entry in self.content.entries.values() {
            for image in &entry.images {
                let name = image.repository().familiar();
                // The history of the official images is known whole: what it does not have never was.
                let is_official = !name.contains('/');
                let (what, hint) = match asking.check(&name, None).presence {
                    Presence::There | Presence::NoSuchTag => continue,
                    Presence::Gone(moment) => {
                        (gone(&name, &moment), "take the entry away, or name another image")
                    }
                    Presence::Unknown if is_official && evidence.declared.is_some() => {
                        let what = format!("nothing is known of an official image called {name}");
                        let near = evidence.suggestions(&name);
                        let hint = match near.as_slice() {
                            [] => {
                                "an image of another registry is named whole: ghcr.io/owner/name".to_owned()
                            }
                            names => format!("did you mean {}?", names.join(" or ")),
                        };
                        problems.push(Problem { at: entry.images_at.clone(), what, hint: Some(hint) });
                        continue;
                    }
                    Presence::Unknown => continue,
                };
                let hint = Some(hint.to_owned());
                problems.push(Problem { at: entry.images_at.clone(), what, hint });
            }
        }
        problems
    }
}

fn gone(name: &str, moment: &Moment) -> String {
    format!("the image {name} is gone since {}", moment.at.strftime("%Y-%m-%d"))
}

/// The page whose address is most like `path`.
fn nearest<'r>(path: &str, routes: &'r HashSet<String>) -> &'r str {
    let pages = routes.iter().filter(|route| route.ends_with('/'));
    let key = |route: &&String| (strsim::damerau_levenshtein(path, route), route.len(), (*route).clone());
    pages.min_by_key(key).map_or("/", String::as_str)
}
