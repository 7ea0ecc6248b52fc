//! Progress on standard error, where it is a terminal.

use std::fmt::Write;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use workson::crawl::Progress;

use crate::cli::Global;

/// A bar with rate and time left; hidden where nobody looks, and under a trace.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new(global: &Global) -> Bar {
        let seen = std::io::stderr().is_terminal() && !global.quiet && !global.verbose;
        let target = if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = "{bar:28} {pos}/{len} images  {rate}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                // What can't be written to a terminal is not seen there.
                let _ = write!(text, "{:.0}/s", state.per_sec());
            });
            bar.set_style(style.progress_chars("=> "));
        }
        if seen {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Bar(bar)
    }

    pub(crate) fn show(&self, progress: Progress) {
        let Bar(bar) = self;
        if bar.is_hidden() {
            return;
        }
        if bar.length() != Some(progress.total as u64) {
            // What an earlier part of the run did says nothing about the rate of this one.
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done.saturating_sub(1) as u64);
            bar.reset_eta();
        }
        bar.set_position(progress.done as u64);
        if progress.failed > 0 {
            bar.set_message(format!("{} not told", progress.failed));
        }
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
