//! Whether what people sent in is whole: beside pages and references, whether each proposal stands where its steps led.

use rusqlite::Connection;

use super::Submissions;
use crate::proposal::{State, Step};
use crate::store::{StoreError, upkeep};

impl Submissions {
    /// Tells what is wrong, in sentences; none where all is well. The pages and indexes, the references from one table to
    /// another, and of each proposal whether its steps are in order and possible, led to where it stands, and say what
    /// became of its contact.
    ///
    /// # Errors
    /// Where it can't be read, and not because it is damaged.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        upkeep::check(&self.connection, |found| check_steps(&self.connection, found))
            .map_err(self.error("checking what people sent in"))
    }
}

/// What is kept of one proposal.
struct Kept {
    id: i64,
    state: String,
    has_contact: bool,
}

fn check_steps(connection: &Connection, found: &mut Vec<String>) -> rusqlite::Result<()> {
    let mut all = connection.prepare(
        "SELECT p.id, p.state, c.proposal IS NOT NULL FROM proposals p LEFT JOIN contacts c ON c.proposal = p.id ORDER BY p.id",
    )?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let kept = Kept { id: row.get(0)?, state: row.get(1)?, has_contact: row.get(2)? };
        check_proposal(connection, &kept, found)?;
        if found.len() >= upkeep::MAX_FOUND {
            break;
        }
    }
    Ok(())
}

fn check_proposal(connection: &Connection, kept: &Kept, found: &mut Vec<String>) -> rusqlite::Result<()> {
    let id = kept.id;
    let mut steps =
        connection.prepare_cached("SELECT at, step, state FROM events WHERE proposal = ?1 ORDER BY id")?;
    let mut rows = steps.query([id])?;
    let (mut state, mut last, mut is_erased) = (None::<State>, i64::MIN, false);
    while let Some(row) = rows.next()? {
        let (at, step, to): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if at < last {
            found.push(format!("proposal {id}: the step {step:?} is earlier than the one before it"));
        }
        last = at;
        let Some(led) = Step::from_name(&step).and_then(|step| step.leads(state)) else {
            let from = state.map_or("nothing", State::name);
            found.push(format!("proposal {id}: the step {step:?} is not possible from {from}"));
            return Ok(());
        };
        if led.name() != to {
            found.push(format!("proposal {id}: the step {step:?} leads to {}, not to {to:?}", led.name()));
        }
        is_erased |= step == Step::Erase.name();
        state = Some(led);
    }
    let state = state.map_or("nothing", State::name);
    if state != kept.state {
        found.push(format!("proposal {id}: its steps lead to {state}, and it is {:?}", kept.state));
    }
    match (kept.has_contact, is_erased) {
        (true, true) => found.push(format!("proposal {id}: its contact was erased, and is there")),
        (false, false) => found.push(format!("proposal {id}: its contact is gone, and was not erased")),
        _ => {}
    }
    Ok(())
}
