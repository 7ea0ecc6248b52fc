//! Who decides about what people sent in, and why.

use workson::form;
use workson::proposal::{PROGRAM, PROPOSER};

use crate::exit::Failure;
use crate::settings::variable;

/// The most characters of a reviewer's name.
const MAX_NAME: usize = 100;

/// The most characters of a reason.
const MAX_REASON: usize = 2000;

/// The reviewer: who was named by `--by`, or the user.
pub(crate) fn name(typed: Option<&str>) -> Result<String, Failure> {
    let user = || variable("USER").or_else(|| variable("LOGNAME"));
    let found = typed.map(str::to_owned).or_else(user);
    let hint = "--by NAME says who it is";
    let found =
        found.ok_or_else(|| Failure::new("it is not known who decides: USER is not set").with_hint(hint))?;
    let name = form::line(&found, MAX_NAME)
        .map_err(|what| Failure::new(format!("--by {found}: {what}")).with_hint(hint))?;
    match name.as_str() {
        "" => Err(Failure::new("--by: a name is missing").with_hint(hint)),
        // Steps by these names were taken by nobody who reviews.
        PROPOSER | PROGRAM => {
            Err(Failure::new(format!("--by {name}: no reviewer goes by that name")).with_hint(hint))
        }
        _ => Ok(name),
    }
}

/// The reason that was typed; empty where there is none.
pub(crate) fn reason(typed: Option<&str>) -> Result<String, Failure> {
    let typed = typed.unwrap_or_default();
    form::lines(typed, MAX_REASON).map_err(|what| Failure::new(format!("--reason: {what}")))
}

/// A reason that has to be there.
pub(crate) fn needed_reason(typed: &str) -> Result<String, Failure> {
    let reason = reason(Some(typed))?;
    if reason.is_empty() {
        return Err(Failure::new("--reason is empty").with_hint("say why, in a sentence"));
    }
    Ok(reason)
}
