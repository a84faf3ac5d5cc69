//! What may happen to a good answer's body on its way: compression, small pieces, an end too early, garbage.

use super::wire::Reply;
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
};
use flate2::{Compression, write::GzEncoder};
use futures::{Stream, StreamExt, stream};
use std::{io, io::Write as _, pin::Pin, time::Duration};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, io::Error>> + Send>>;

/// Replaces a body by what `change` makes of its chunks. The length is no longer known, so no header may tell it.
fn changed(reply: Reply, change: impl FnOnce(Chunks) -> Chunks) -> Reply {
    let (mut parts, body) = reply.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let chunks: Chunks = Box::pin(body.into_data_stream().map(|chunk| chunk.map_err(io::Error::other)));
    Reply::from_parts(parts, Body::from_stream(change(chunks)))
}

/// Compresses the body.
pub(crate) fn compressed(reply: Reply) -> Reply {
    let mut reply = changed(reply, |chunks| {
        // The fastest level: what is measured is the client, not the lab.
        let encoder = GzEncoder::new(Vec::new(), Compression::fast());
        Box::pin(stream::unfold(Some((chunks, encoder)), |state| async move { deflated(state?).await }))
    });
    reply.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    reply.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    reply
}

type Deflating = (Chunks, GzEncoder<Vec<u8>>);

async fn deflated((mut chunks, mut encoder): Deflating) -> Option<(Result<Bytes, io::Error>, Option<Deflating>)> {
    loop {
        match chunks.next().await {
            Some(Ok(chunk)) => {
                if let Err(error) = encoder.write_all(&chunk) {
                    return Some((Err(error), None));
                }
                let ready = std::mem::take(encoder.get_mut());
                if !ready.is_empty() {
                    return Some((Ok(ready.into()), Some((chunks, encoder))));
                }
            }
            Some(Err(error)) => return Some((Err(error), None)),
            None => return Some((encoder.finish().map(Bytes::from), None)),
        }
    }
}

/// Sends the body in pieces of at most `size` bytes with a pause after each.
pub(crate) fn slowed(reply: Reply, size: usize, pause: Duration) -> Reply {
    changed(reply, move |chunks| {
        let pieces = chunks.flat_map(move |chunk| stream::iter(pieces(chunk, size.max(1))));
        Box::pin(pieces.then(move |piece| async move {
            tokio::time::sleep(pause).await;
            piece
        }))
    })
}

fn pieces(chunk: Result<Bytes, io::Error>, size: usize) -> Vec<Result<Bytes, io::Error>> {
    let whole = match chunk {
        Ok(whole) => whole,
        Err(error) => return vec![Err(error)],
    };
    let ends = (0..whole.len()).step_by(size);
    ends.map(|from| Ok(whole.slice(from..whole.len().min(from + size)))).collect()
}

/// How a body ends that is not whole.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// The connection is lost.
    Lost,
    /// As HTTP says it should: the length is right, the content is not.
    Clean,
}

/// Ends the body within its chunk number `last`, or within the last one where there are fewer.
pub(crate) fn cut(reply: Reply, last: u64, end: End) -> Reply {
    changed(reply, move |chunks| {
        let state = Some(Cutting { chunks, held: None, last, end });
        Box::pin(stream::unfold(state, |state| async move { next_but_last(state?).await }))
    })
}

struct Cutting {
    chunks: Chunks,
    held: Option<Bytes>,
    last: u64,
    end: End,
}

/// One chunk is held back, so that the last one is known and can be halved.
async fn next_but_last(mut state: Cutting) -> Option<(Result<Bytes, io::Error>, Option<Cutting>)> {
    if state.last == u64::MAX {
        // What was sent is to arrive before the connection ends.
        tokio::time::sleep(Duration::from_millis(20)).await;
        return Some((Err(io::ErrorKind::ConnectionReset.into()), None));
    }
    let held = match state.held.take() {
        Some(held) => held,
        None => state.chunks.next().await?.unwrap_or_default(),
    };
    let next = if state.last == 0 { None } else { state.chunks.next().await };
    if let Some(Ok(next)) = next {
        state.held = Some(next);
        state.last -= 1;
        return Some((Ok(held), Some(state)));
    }
    let half = held.slice(..held.len() / 2);
    state.last = u64::MAX;
    let lost = matches!(state.end, End::Lost);
    Some((Ok(half), lost.then_some(state)))
}

/// Puts bytes that are not JSON into the middle of the first chunk.
pub(crate) fn garbled(reply: Reply) -> Reply {
    changed(reply, |chunks| {
        let spoilt = chunks.enumerate().map(|(number, chunk)| {
            let chunk = chunk?;
            if number > 0 {
                return Ok(chunk);
            }
            let (before, after) = chunk.split_at(chunk.len() / 2);
            Ok(Bytes::from([before, b"\x00\xff<garbled>}]", after].concat()))
        });
        Box::pin(spoilt)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::wire::reply;
    use std::io::Read as _;

    fn chunked(chunks: &'static [&'static str]) -> Reply {
        let chunks = chunks.iter().map(|chunk| Ok::<_, io::Error>(Bytes::from_static(chunk.as_bytes())));
        reply(200, "text/plain", Body::from_stream(stream::iter(chunks)))
    }

    async fn read(reply: Reply) -> (Vec<u8>, bool) {
        let mut chunks = reply.into_body().into_data_stream();
        let mut all = Vec::new();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => all.extend(chunk),
                Err(_) => return (all, false),
            }
        }
        (all, true)
    }

    #[tokio::test]
    async fn a_compressed_body_is_the_same_body() {
        let (bytes, whole) = read(compressed(chunked(&["first ", "second ", "third"]))).await;
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), whole), ("first second third", true));
    }

    #[tokio::test]
    async fn a_cut_body_is_never_whole() {
        assert_eq!(read(cut(chunked(&["abcd"]), 5, End::Lost)).await, (b"ab".to_vec(), false));
        assert_eq!(read(cut(chunked(&["abcd", "efgh", "ij"]), 1, End::Clean)).await, (b"abcdef".to_vec(), true));
        assert_eq!(read(cut(chunked(&["abcd", "ef"]), 9, End::Clean)).await, (b"abcde".to_vec(), true));
        assert_eq!(read(cut(chunked(&["abcd"]), 0, End::Lost)).await, (b"ab".to_vec(), false));
    }

    #[tokio::test]
    async fn a_slow_body_is_whole() {
        assert_eq!(read(slowed(chunked(&["abcd", "efg"]), 3, Duration::ZERO)).await, (b"abcdefg".to_vec(), true));
    }
}
