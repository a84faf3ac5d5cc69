//! Many jobs side by side, fair between tenants: each tenant has so many under way, and none waits for another's.

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::collections::{BTreeMap, VecDeque};

/// A job that has not begun: its tenant, its place in the order, and the work.
pub struct Waiting<'a, T> {
    /// Jobs of one tenant share its limit.
    pub tenant: String,
    /// The work.
    pub work: BoxFuture<'a, T>,
}

/// Runs all jobs, at most `each` of a tenant at a time, and returns what came of them in the order given.
pub async fn side_by_side<T>(jobs: Vec<Waiting<'_, T>>, each: usize) -> Vec<T> {
    let mut lanes: BTreeMap<String, VecDeque<(usize, BoxFuture<'_, T>)>> = BTreeMap::new();
    for (order, job) in jobs.into_iter().enumerate() {
        lanes.entry(job.tenant).or_default().push_back((order, job.work));
    }
    let mut lanes: Vec<_> = lanes.into_values().collect();
    let mut running = FuturesUnordered::new();
    for (lane, queue) in lanes.iter_mut().enumerate() {
        for (order, work) in queue.drain(..queue.len().min(each.max(1))) {
            running.push(numbered(lane, order, work));
        }
    }
    let mut done = Vec::new();
    while let Some((lane, order, outcome)) = running.next().await {
        done.push((order, outcome));
        if let Some((order, work)) = lanes.get_mut(lane).and_then(VecDeque::pop_front) {
            running.push(numbered(lane, order, work));
        }
    }
    done.sort_by_key(|(order, _)| *order);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

async fn numbered<T>(lane: usize, order: usize, work: BoxFuture<'_, T>) -> (usize, usize, T) {
    (lane, order, work.await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_slow_tenant_holds_no_other() {
        let begun = tokio::time::Instant::now();
        let job = |tenant: &str, seconds: u64| Waiting {
            tenant: tenant.to_owned(),
            work: Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                seconds
            }) as BoxFuture<'_, u64>,
        };
        let jobs = vec![job("slow", 60), job("slow", 60), job("quick", 1), job("quick", 2)];
        assert_eq!(side_by_side(jobs, 1).await, [60, 60, 1, 2]);
        assert_eq!(begun.elapsed(), Duration::from_secs(120));
    }
}
