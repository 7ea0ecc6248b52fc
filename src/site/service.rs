//! What the site has where a service answers, and not where files are served: live queries and forms. Its pages are made
//! for one visitor each; what they show is handed in.

use crate::content::Call;
use crate::proposal::Proposal;
use crate::query::ImageAnswer;
use crate::query::stack::StackAnswer;

/// What of it there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Services {
    /// Any image of these registries may be asked about; none where live queries are off.
    pub registries: Option<Vec<String>>,
    /// Whether suggestions and proposals are taken.
    pub forms: bool,
    /// Whether there is a page of how the service does.
    pub status: bool,
}

/// An address of the service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceRoute {
    /// Ask about an image: a page.
    Query,
    /// Check a stack: a page.
    Stack,
    /// Suggest something: of an entry (`?entry=SLUG`) or new.
    Suggest,
    /// Propose something to a call, by its slug.
    Propose(String),
    /// A proposer's own page, by its secret.
    Proposal(String),
    /// How the service does: inventories, what is allowed.
    Status,
    /// Ask about an image: JSON.
    ApiQuery,
    /// Check a stack: JSON.
    ApiStack,
}

/// How long the secret of a proposer's page is: 256 bits in the alphabet of base64url (RFC 4648), without padding.
const SECRET: usize = 43;

impl ServiceRoute {
    /// Its path below the base.
    pub(super) fn path(&self) -> String {
        match self {
            ServiceRoute::Query => "/query/".into(),
            ServiceRoute::Stack => "/stack/".into(),
            ServiceRoute::Suggest => "/suggest/".into(),
            ServiceRoute::Propose(slug) => format!("/calls/{slug}/propose/"),
            ServiceRoute::Proposal(secret) => format!("/proposal/{secret}/"),
            ServiceRoute::Status => "/status/".into(),
            ServiceRoute::ApiQuery => "/api/v1/query".into(),
            ServiceRoute::ApiStack => "/api/v1/stack".into(),
        }
    }

    /// The page of these names between slashes.
    pub(super) fn of_page(names: &[&str]) -> Option<ServiceRoute> {
        Some(match names {
            ["query"] => ServiceRoute::Query,
            ["stack"] => ServiceRoute::Stack,
            ["suggest"] => ServiceRoute::Suggest,
            ["calls", slug, "propose"] => ServiceRoute::Propose((*slug).into()),
            ["proposal", secret] if is_secret(secret) => ServiceRoute::Proposal((*secret).into()),
            ["status"] => ServiceRoute::Status,
            _ => return None,
        })
    }

    /// The document of these names between slashes.
    pub(super) fn of_file(names: &[&str]) -> Option<ServiceRoute> {
        Some(match names {
            ["api", "v1", "query"] => ServiceRoute::ApiQuery,
            ["api", "v1", "stack"] => ServiceRoute::ApiStack,
            _ => return None,
        })
    }
}

fn is_secret(text: &str) -> bool {
    text.len() == SECRET && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An inventory had asked, not long ago.
    Store,
    /// The registry was asked.
    Registry,
}

impl Origin {
    /// `store` or `registry`.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Store => "store",
            Origin::Registry => "registry",
        }
    }
}

/// What was typed into a form, to be shown again, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    /// Names and values as they came.
    pub fields: Vec<(String, String)>,
    /// The name of a field (empty: of the whole) and a sentence.
    pub problems: Vec<(String, String)>,
}

impl Typed {
    /// What was typed into a field; the first, where there are several.
    pub fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether one of a field's values is this one.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.fields.iter().any(|(known, typed)| known == name && typed == value)
    }

    /// What is wrong with a field.
    pub fn problem(&self, name: &str) -> Option<&str> {
        self.problems.iter().find(|(known, _)| known == name).map(|(_, what)| what.as_str())
    }
}

/// An answer to a live query, as its page shows it.
#[derive(Debug, Clone)]
pub struct Answered {
    /// What was found out.
    pub answer: ImageAnswer,
    /// When, RFC 3339.
    pub observed_at: String,
    /// How long that is ago, in words: `3 minutes`.
    pub age: String,
    /// Where from.
    pub origin: Origin,
}

/// One inventory that is made by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The list's name.
    pub list: String,
    /// How it went last, a sentence; empty where none was made yet.
    pub last: String,
    /// When the next one is, RFC 3339; `under way` while one is.
    pub next: String,
}

/// A page of the service.
#[derive(Debug, Clone)]
pub enum View<'a> {
    /// Ask about an image.
    Query {
        /// What was typed: `image`, `platform`.
        typed: &'a Typed,
        /// The answer, where one was asked for.
        answered: Option<&'a Answered>,
    },
    /// Check a stack.
    Stack {
        /// What was typed: `text`, `form`, `platform`.
        typed: &'a Typed,
        /// The answer, where one was asked for.
        answer: Option<&'a StackAnswer>,
    },
    /// Suggest something: `entry`, and the fields of [`crate::suggestion::Wish`].
    Suggest {
        /// What was typed.
        typed: &'a Typed,
        /// The number under which it was received.
        received: Option<i64>,
    },
    /// Propose something to a call: the fields of [`crate::proposal::Request`] and [`crate::proposal::Contact`].
    Propose {
        /// The call.
        call: &'a Call,
        /// Whether it is open today.
        is_open: bool,
        /// What was typed.
        typed: &'a Typed,
    },
    /// A proposer's own page.
    Proposal {
        /// The secret that it is under.
        secret: &'a str,
        /// The proposal.
        proposal: &'a Proposal,
        /// What was just done, a sentence.
        done: Option<&'a str>,
    },
    /// How the service does.
    Status {
        /// The inventories that are made by themselves.
        inventories: &'a [Inventory],
    },
    /// A refusal: what it is called, and what to do next.
    Refusal {
        /// A few words.
        title: &'a str,
        /// Sentences.
        text: &'a str,
    },
}
