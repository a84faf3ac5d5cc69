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
