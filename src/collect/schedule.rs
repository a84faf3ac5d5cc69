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
    use tokio::sync::Notify;

    fn job<'a>(tenant: &str, work: BoxFuture<'a, &'static str>) -> Waiting<'a, &'static str> {
        Waiting { tenant: tenant.to_owned(), work }
    }

    #[tokio::test]
    async fn a_slow_tenant_holds_no_other() {
        let last_of_the_quick = Notify::new();
        let slow = async {
            last_of_the_quick.notified().await;
            "slow"
        };
        let last = async {
            last_of_the_quick.notify_one();
            "quick, last"
        };
        let quick = Box::pin(async { "quick" });
        // Were the limit one of the whole, the slow job would wait for ever.
        let jobs = vec![job("a", Box::pin(slow)), job("b", quick), job("b", Box::pin(last))];
        assert_eq!(side_by_side(jobs, 1).await, ["slow", "quick", "quick, last"]);
    }

    #[tokio::test]
    async fn no_tenant_has_more_under_way_than_its_limit() {
        let (running, most) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
        let one = || {
            Box::pin(async {
                let now = running.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                most.fetch_max(now, std::sync::atomic::Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                "done"
            })
        };
        let jobs = (0..9).map(|_| job("a", one())).collect();
        assert_eq!(side_by_side(jobs, 3).await.len(), 9);
        assert_eq!(most.into_inner(), 3);
    }
}
