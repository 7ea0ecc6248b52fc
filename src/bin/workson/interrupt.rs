//! The user's wish to end: an interrupt (Ctrl-C), SIGTERM, and SIGHUP where a terminal is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use crate::exit::tell;

/// Waits for an interrupt or SIGTERM; for ever, where none can be waited for. A program that has waited once is no
/// longer ended by them.
pub(crate) async fn interrupted() {
    match Interrupts::listen() {
        Ok(mut interrupts) => interrupts.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// From here on nothing of it ends the program: what is under way takes little time, and would be left half done.
/// `message` is told to who tries.
pub(crate) fn hold(runtime: &Handle, message: &'static str) {
    let _context = runtime.enter();
    // Where signals can't be had, all is as it would be without this.
    let Ok(mut interrupts) = Interrupts::listen() else { return };
    #[cfg(unix)]
    let hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
    drop(runtime.spawn(async move {
        // It is heard as long as it is there.
        #[cfg(unix)]
        let _hangup = hangup;
        loop {
            interrupts.next().await;
            tell(message, None);
        }
    }));
}

/// From here on SIGHUP sets `flag`, for as long as the runtime is there.
pub(crate) fn on_hangup(flag: &Arc<AtomicBool>) {
    #[cfg(unix)]
    if let Ok(mut hangup) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        let flag = Arc::clone(flag);
        drop(tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                flag.store(true, Ordering::Relaxed);
            }
        }));
    }
    #[cfg(not(unix))]
    let _ = flag;
}

/// Signals are heard from the moment on where this is made.
#[cfg(unix)]
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Interrupts {
    fn listen() -> std::io::Result<Interrupts> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Interrupts {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Interrupts(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Interrupts {
    fn listen() -> std::io::Result<Interrupts> {
        Ok(Interrupts(tokio::signal::windows::ctrl_c()?))
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
