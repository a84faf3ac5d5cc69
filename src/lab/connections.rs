//! Connections that can be torn down in the middle of anything: what a lost network looks like to a client.

use super::ids::lock;
use axum_server::accept::Accept;
use std::{
    collections::HashMap,
    future::{Ready, ready},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The open connections of a lab by the client's address.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<HashMap<SocketAddr, Weak<AtomicBool>>>>);

impl Connections {
    /// Tears down the connection from `peer`: nothing more is sent or read.
    pub(crate) fn tear(&self, peer: SocketAddr) {
        if let Some(torn) = lock(&self.0).get(&peer).and_then(Weak::upgrade) {
            torn.store(true, Ordering::Release);
        }
    }

    fn open(&self, peer: SocketAddr) -> Arc<AtomicBool> {
        let torn = Arc::new(AtomicBool::new(false));
        let mut open = lock(&self.0);
        open.retain(|_, connection| connection.strong_count() > 0);
        open.insert(peer, Arc::downgrade(&torn));
        torn
    }
}

impl<S> Accept<TcpStream, S> for Connections {
    type Stream = Tearable;
    type Service = S;
    type Future = Ready<io::Result<(Tearable, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let opened = stream.set_nodelay(true).and_then(|()| stream.peer_addr());
        ready(opened.map(|peer| (Tearable { torn: self.open(peer), stream }, service)))
    }
}

/// A stream that fails from the moment it is torn.
pub(crate) struct Tearable {
    stream: TcpStream,
    torn: Arc<AtomicBool>,
}

impl Tearable {
    fn whole(&self) -> io::Result<()> {
        if self.torn.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for Tearable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Tearable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
