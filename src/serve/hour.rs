//! What was spent within the last hour, so that a budget for an hour holds for any hour.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
/// What is spent so soon after something else is counted together with it, as if it had been spent last.
const TOGETHER: Duration = Duration::from_secs(60);

/// What was spent within an hour.
#[derive(Debug, Default)]
pub(super) struct Hour {
    /// When it was begun to count together, when something was spent last, and how much.
    spent: VecDeque<(Instant, Instant, u64)>,
    /// All that was spent, as far as it was counted.
    counted: u64,
}

impl Hour {
    /// Counts what was spent until now, `total` being all that ever was; gives how much of it is an hour old, and can be
    /// spent again.
    pub(super) fn pass(&mut self, total: u64, now: Instant) -> u64 {
        let more = total.saturating_sub(self.counted);
        if more > 0 {
            match self.spent.back_mut() {
                Some((begun, last, spent)) if now.saturating_duration_since(*begun) < TOGETHER => {
                    (*last, *spent) = (now, *spent + more);
                }
                _ => self.spent.push_back((now, now, more)),
            }
        }
        // What a registry did not count after all was given back to the budget already.
        let mut less = self.counted.saturating_sub(total);
        self.counted = total;
        while less > 0
            && let Some((_, _, spent)) = self.spent.back_mut()
        {
            let part = less.min(*spent);
            (*spent, less) = (*spent - part, less - part);
            if *spent == 0 {
                self.spent.pop_back();
            }
        }
        let mut over = 0;
        while let Some((_, last, spent)) = self.spent.front()
            && now.saturating_duration_since(*last) >= HOUR
        {
            over += spent;
            self.spent.pop_front();
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spends as much as is granted each minute for some hours; gives when each was spent, in minutes.
    fn spend(per_hour: u64, minutes: u64) -> Vec<u64> {
        let (mut hour, start) = (Hour::default(), Instant::now());
        let (mut left, mut total, mut at) = (per_hour, 0, Vec::new());
        for minute in 0..minutes {
            left = (left + hour.pass(total, start + Duration::from_secs(minute * 60))).min(per_hour);
            at.extend(std::iter::repeat_n(minute, usize::try_from(left).unwrap()));
            total += left;
            left = 0;
        }
        at
    }

    #[test]
    fn no_hour_has_more_than_its_budget_and_each_has_nearly_all_of_it() {
        for per_hour in [1, 10, 59, 61, 200] {
            let at = spend(per_hour, 600);
            for from in 0..540 {
                let within = at.iter().filter(|minute| (from..from + 60).contains(*minute)).count() as u64;
                assert!(within <= per_hour, "{within} of {per_hour} from minute {from} on");
            }
            assert!(at.len() as u64 >= per_hour * 9, "{} in ten hours of {per_hour}", at.len());
        }
    }

    #[test]
    fn what_is_given_back_is_not_counted() {
        let (mut hour, start) = (Hour::default(), Instant::now());
        assert_eq!(hour.pass(5, start), 0);
        assert_eq!(hour.pass(3, start), 0);
        assert_eq!(hour.pass(3, start + HOUR), 3);
        assert_eq!(hour.pass(3, start + 2 * HOUR), 0);
    }
}
