//! Where a service's log goes: to standard error, by a thread of its own, so that no request waits for whoever reads it.

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt;

use super::configuration::Log;

/// How many lines may wait to be written; what comes then is lost, and not waited for.
const WAITING: usize = 16_384;

/// How many bytes are written together.
const TOGETHER: usize = 64 << 10;

/// Begins to log. What is returned has to be held until the end: with it, what still waits is written.
pub(super) fn begin(log: Log) -> Option<WorkerGuard> {
    if log == Log::Off {
        return None;
    }
    // What has come meanwhile is written at once, and when there is nothing more.
    let to = std::io::BufWriter::with_capacity(TOGETHER, std::io::stderr());
    let (writer, guard) = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING).finish(to);
    let lines = fmt().with_writer(writer).with_ansi(false);
    let begun = match log {
        Log::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            tracing::subscriber::set_global_default(lines.finish())
        }
        Log::Warnings => {
            tracing::subscriber::set_global_default(lines.with_max_level(LevelFilter::WARN).finish())
        }
        Log::Text | Log::Off => tracing::subscriber::set_global_default(lines.finish()),
    };
    begun.is_ok().then_some(guard)
}
