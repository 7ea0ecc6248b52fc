//! Verdicts of live queries: what a registry served when it was asked, which is the rung `published`.

use crate::evidence::Rung;
use crate::query::SupportAnswer;
use crate::site::{Mark, Standing};

/// The mark of `yes`, `no` or `unknown`.
pub(super) fn mark(verdict: &str) -> Mark {
    let standing = match verdict {
        "yes" => Standing::Has,
        "no" => Standing::Lacks,
        _ => Standing::Unknown,
    };
    Mark { standing, rung: Some(Rung::Published) }
}

/// The mark of an answer about a platform; that it can't be told where there is none.
pub(super) fn of(support: Option<&SupportAnswer>) -> Mark {
    mark(support.map_or("unknown", |support| support.verdict))
}
