//! Ctrl-C and SIGTERM: the first asks the run to end cleanly, the second ends it at once.

use crate::console::Console;
use tokio_util::sync::CancellationToken;

/// Watches for signals: the first cancels `cancel`, the second `abandon`.
pub(super) fn watch(console: Console, cancel: CancellationToken, abandon: CancellationToken) {
    tokio::spawn(async move {
        signal().await;
        console.warn("interrupted: ending cleanly, what is whole stays stored (once more ends at once)");
        cancel.cancel();
        signal().await;
        abandon.cancel();
    });
}

/// From here on Ctrl-C no longer ends the process at once: at a prompt it would leave a terminal that hides what is typed.
#[cfg(unix)]
pub(super) fn hold_back() {
    let _stays_caught = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
}

/// The same; here the terminal is told to show again by the system.
#[cfg(not(unix))]
pub(super) fn hold_back() {}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
