//! Forms that come twice: whoever clicks twice, or sends a page again, has one wish and not two.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use workson_oci::Digest;

/// For how long the very same form of the same client is the same wish.
const WITHIN: Duration = Duration::from_secs(60);
/// How many forms are remembered, the newest ones.
const REMEMBERED: usize = 1000;

/// What became of the forms of the last minute.
pub(super) struct Repeats<T>(VecDeque<(Instant, Digest, T)>);

impl<T: Clone> Repeats<T> {
    pub(super) fn new() -> Repeats<T> {
        Repeats(VecDeque::new())
    }

    /// What became of this form when it came before, not long ago.
    pub(super) fn before(&mut self, form: &Digest, now: Instant) -> Option<T> {
        while self.0.front().is_some_and(|(at, ..)| now.saturating_duration_since(*at) > WITHIN) {
            self.0.pop_front();
        }
        self.0.iter().rev().find(|(_, known, _)| known == form).map(|(.., outcome)| outcome.clone())
    }

    /// Remembers what became of a form.
    pub(super) fn note(&mut self, form: Digest, now: Instant, outcome: T) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((now, form, outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: impl AsRef<[u8]>) -> Digest {
        Digest::sha256(text.as_ref())
    }

    #[test]
    fn a_form_that_comes_again_within_a_minute_is_the_same() {
        let (mut repeats, start) = (Repeats::new(), Instant::now());
        assert_eq!(repeats.before(&form("a"), start), None);
        repeats.note(form("a"), start, 1);
        repeats.note(form("b"), start + WITHIN / 2, 2);
        let mut after = |text: &str, time| repeats.before(&form(text), start + time);
        assert_eq!(after("a", WITHIN), Some(1));
        assert_eq!(after("c", WITHIN), None);
        assert_eq!(after("a", WITHIN + Duration::from_nanos(1)), None);
        assert_eq!(after("b", WITHIN + Duration::from_nanos(1)), Some(2));
    }

    #[test]
    fn however_many_forms_come_no_more_than_some_are_remembered() {
        let (mut repeats, now) = (Repeats::new(), Instant::now());
        for at in 0..3 * REMEMBERED {
            repeats.note(form(at.to_string()), now, at);
        }
        assert_eq!(repeats.0.len(), REMEMBERED);
        assert_eq!(repeats.before(&form("0"), now), None);
        let newest = 3 * REMEMBERED - 1;
        assert_eq!(repeats.before(&form(newest.to_string()), now), Some(newest));
    }
}
