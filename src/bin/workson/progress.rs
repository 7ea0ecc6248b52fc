//! Progress on standard error, where it is a terminal.

use std::fmt::Write;
use std::io::{IsTerminal as _, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use workson::crawl::Progress;
use workson::history;

use crate::cli::Global;

/// A bar with rate and time left; hidden where nobody looks, and under a trace.
pub(crate) struct Bar(ProgressBar);

/// Progress is for a person who watches.
fn target(global: &Global) -> ProgressDrawTarget {
    let seen = std::io::stderr().is_terminal() && !global.quiet && !global.verbose;
    if seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

impl Bar {
    pub(crate) fn new(global: &Global) -> Bar {
        let bar = ProgressBar::with_draw_target(None, target(global));
        let template = "{bar:28} {pos}/{len} images  {rate}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                // What can't be written to a terminal is not seen there.
                let _ = write!(text, "{:.0}/s", state.per_sec());
            });
            bar.set_style(style.progress_chars("=> "));
        }
        if !bar.is_hidden() {
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

/// How many commits an import has read.
pub(crate) struct CommitBar(ProgressBar);

impl CommitBar {
    pub(crate) fn new(global: &Global) -> CommitBar {
        let bar = ProgressBar::with_draw_target(None, target(global));
        if let Ok(style) = ProgressStyle::with_template("{bar:28} {pos}/{len} commits  {eta} left") {
            bar.set_style(style.progress_chars("=> "));
        }
        CommitBar(bar)
    }

    pub(crate) fn show(&self, progress: history::Progress) {
        let CommitBar(bar) = self;
        if bar.is_hidden() {
            return;
        }
        bar.set_length(progress.total as u64);
        bar.set_position(progress.done as u64);
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How far a fetch is.
pub(crate) struct FetchBar(ProgressBar);

impl FetchBar {
    pub(crate) fn new(global: &Global) -> FetchBar {
        let bar = ProgressBar::with_draw_target(None, target(global));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        FetchBar(bar)
    }

    pub(crate) fn show(&self, line: &str) {
        self.0.set_message(line.to_owned());
        self.0.tick();
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How many bytes of layers have come.
#[derive(Clone)]
pub(crate) struct ByteBar(ProgressBar);

impl ByteBar {
    pub(crate) fn new(global: &Global) -> ByteBar {
        let bar = ProgressBar::with_draw_target(None, target(global));
        if let Ok(style) =
            ProgressStyle::with_template("{bar:28} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        ByteBar(bar)
    }

    /// Begins anew, for so many bytes.
    pub(crate) fn expect(&self, bytes: u64) {
        self.0.reset();
        self.0.set_length(bytes);
    }

    /// So many bytes more are done with.
    pub(crate) fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// A reader that shows what comes through it.
    pub(crate) fn watch(&self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.0.is_hidden() { reader } else { Box::new(self.0.wrap_read(reader)) }
    }

    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
