//! The documented rates, kept by lane (tenant and API): calls a minute, calls an hour, calls in flight, and the wait of a 429.
//!
//! A window slides: in no stretch of 60 s does the service see more calls than it allows, not even at the seam of two bursts.
//! A token bucket would let through twice as many in the first minute. It only says when; who waits is `send`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, time::Instant};

/// The limits of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls in any 60 s.
    pub per_minute: u32,
    /// Calls in any hour, where the API limits them.
    pub per_hour: Option<u32>,
    /// Calls that may be under way at once.
    pub in_flight: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_minute: 45, per_hour: None, in_flight: 4 }
    }
}

/// A call arrives at the service between being sent and being answered; this long after being sent we take it to be there.
/// A connection that is set up meanwhile makes the difference.
const ARRIVAL: Duration = Duration::from_secs(2);

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// The lanes, made as they are asked for.
#[derive(Debug, Default)]
pub struct Pace {
    default: Limits,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
}

impl Pace {
    /// Creates lanes that have the limits `default` unless [`limit`](Self::limit) said otherwise.
    pub fn new(default: Limits) -> Self {
        Self { default, lanes: Mutex::default() }
    }

    /// Sets the limits of a lane. To be called before its first use.
    pub fn limit(&self, lane: &str, limits: Limits) {
        lock(&self.lanes).insert(lane.to_owned(), Arc::new(Lane::new(limits)));
    }

    /// Sets the limits of a lane as (calls, length) of each window; none: as many as may be in flight. To be called before its
    /// first use.
    pub fn limit_windows(&self, lane: &str, windows: &[(u32, Duration)], in_flight: u16) {
        lock(&self.lanes).insert(lane.to_owned(), Arc::new(Lane::with(windows, in_flight)));
    }

    /// Tells of a call that another run made so long ago, which the service counts too.
    pub fn earlier(&self, lane: &str, ago: Duration) {
        let Some(at) = Instant::now().checked_sub(ago) else { return };
        self.lane(lane).record(at);
    }

    pub(super) fn lane(&self, name: &str) -> Arc<Lane> {
        let mut lanes = lock(&self.lanes);
        if let Some(lane) = lanes.get(name) {
            return Arc::clone(lane);
        }
        let lane = Arc::new(Lane::new(self.default));
        lanes.insert(name.to_owned(), Arc::clone(&lane));
        lane
    }
}

/// One lane.
#[derive(Debug)]
pub(super) struct Lane {
    /// (calls, length) of each window.
    windows: Vec<(usize, Duration)>,
    /// Calls in flight.
    pub(super) slots: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When each call is taken to have arrived, by its number.
    calls: BTreeMap<u64, Instant>,
    next: u64,
    block: Option<(Instant, String)>,
}

/// Why nothing may be sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// When to ask again.
    pub(super) until: Instant,
    /// Whether a service said so, rather than our own pace.
    pub(super) throttled: bool,
    /// In words.
    pub(super) reason: String,
}

impl Lane {
    fn new(limits: Limits) -> Self {
        let mut windows = vec![(limits.per_minute, MINUTE)];
        windows.extend(limits.per_hour.map(|calls| (calls, HOUR)));
        Self::with(&windows, limits.in_flight)
    }

    fn with(windows: &[(u32, Duration)], in_flight: u16) -> Self {
        let count = |calls: u32| usize::try_from(calls.max(1)).unwrap_or(usize::MAX);
        let windows = windows.iter().map(|(calls, length)| (count(*calls), *length)).collect();
        Self { windows, slots: Arc::new(Semaphore::new(usize::from(in_flight.max(1)))), state: Mutex::default() }
    }

    /// Says whether a call may be sent at `now`, without taking the turn.
    pub(super) fn hold(&self, now: Instant) -> Option<Hold> {
        self.held(&mut lock(&self.state), now)
    }

    /// Takes a turn at `now`, or says until when not. The number is for [`arrived`](Self::arrived).
    pub(super) fn turn(&self, now: Instant) -> Result<u64, Hold> {
        let mut state = lock(&self.state);
        match self.held(&mut state, now) {
            Some(hold) => Err(hold),
            None => Ok(state.push(now + ARRIVAL)),
        }
    }

    /// Tells that the service answered the call, so that it has arrived by `now`.
    pub(super) fn arrived(&self, call: u64, now: Instant) {
        if let Some(at) = lock(&self.state).calls.get_mut(&call) {
            *at = now.min(*at);
        }
    }

    /// Tells that nothing may be sent for `wait` from `now`. The longer of two blocks holds.
    pub(super) fn block(&self, now: Instant, wait: Duration, reason: &str) {
        let until = now + wait.min(HOUR * 24);
        let mut state = lock(&self.state);
        if state.block.as_ref().is_none_or(|(before, _)| *before < until) {
            state.block = Some((until, reason.to_owned()));
        }
    }

    fn record(&self, at: Instant) {
        lock(&self.state).push(at);
    }

    fn held(&self, state: &mut State, now: Instant) -> Option<Hold> {
        state.forget(now, self.windows.iter().map(|(_, length)| *length).max().unwrap_or(MINUTE));
        state.blocked(now).or_else(|| self.full(state, now))
    }

    fn full(&self, state: &State, now: Instant) -> Option<Hold> {
        let mut times: Vec<Instant> = state.calls.values().copied().collect();
        times.sort_unstable();
        let free = |&(calls, length): &(usize, Duration)| Some(*times.get(times.len().checked_sub(calls)?)? + length);
        let until = self.windows.iter().filter_map(free).max().filter(|until| *until > now)?;
        Some(Hold { until, throttled: false, reason: self.rate() })
    }

    fn rate(&self) -> String {
        let in_words = |&(calls, length): &(usize, Duration)| match length {
            MINUTE => format!("{calls} calls a minute"),
            HOUR => format!("{calls} calls an hour"),
            length => format!("{calls} calls in {} s", length.as_secs_f32()),
        };
        format!("keeping to {}", self.windows.iter().map(in_words).collect::<Vec<_>>().join(" and "))
    }
}

impl State {
    fn push(&mut self, at: Instant) -> u64 {
        let number = self.next;
        self.next += 1;
        self.calls.insert(number, at);
        number
    }

    fn forget(&mut self, now: Instant, longest: Duration) {
        self.calls.retain(|_, at| *at + longest > now);
    }

    fn blocked(&mut self, now: Instant) -> Option<Hold> {
        self.block.take_if(|(until, _)| *until <= now);
        let (until, reason) = self.block.as_ref()?;
        Some(Hold { until: *until, throttled: true, reason: reason.clone() })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lane(per_minute: u32, per_hour: Option<u32>) -> Lane {
        Lane::new(Limits { per_minute, per_hour, in_flight: 4 })
    }

    /// Sends `calls` one after another as fast as the lane allows, each answered after `latency`; returns when each was sent.
    fn run(lane: &Lane, calls: usize, latency: impl Fn(usize) -> Duration) -> Vec<Duration> {
        let start = Instant::now();
        let mut now = start;
        let mut sent = Vec::new();
        while sent.len() < calls {
            match lane.turn(now) {
                Ok(number) => {
                    let arrival = now + latency(sent.len());
                    lane.arrived(number, arrival);
                    sent.push(now - start);
                }
                Err(hold) => now = hold.until,
            }
        }
        sent
    }

    #[test]
    fn a_minute_never_holds_more_than_the_rate() {
        let sent = run(&lane(45, None), 200, |_| Duration::ZERO);
        for pair in sent.windows(46) {
            assert!(pair[45] >= pair[0] + MINUTE);
        }
        assert_eq!(sent[199], MINUTE * 4, "not slower than need be");
    }

    #[test]
    fn the_hour_holds_too() {
        let sent = run(&lane(45, Some(1500)), 1501, |_| Duration::ZERO);
        assert!(sent[1500] >= HOUR);
        assert!(sent[1499] < HOUR);
    }

    #[test]
    fn a_block_holds_everybody_until_it_is_over() {
        let lane = lane(45, None);
        let now = Instant::now();
        assert!(lane.turn(now).is_ok());
        lane.block(now, Duration::from_secs(52), "429");
        lane.block(now, Duration::from_secs(10), "429 again");
        let hold = lane.turn(now + Duration::from_secs(51)).unwrap_err();
        assert_eq!((hold.until, hold.throttled), (now + Duration::from_secs(52), true));
        assert!(lane.turn(now + Duration::from_secs(52)).is_ok());
    }

    #[test]
    fn calls_of_an_earlier_run_count() {
        let pace = Pace::new(Limits { per_minute: 2, ..Limits::default() });
        pace.earlier("t/graph", Duration::from_secs(10));
        pace.earlier("t/graph", Duration::from_secs(5));
        let now = Instant::now();
        let hold = pace.lane("t/graph").hold(now).unwrap();
        assert!(hold.until <= now + Duration::from_secs(51) && hold.until > now + Duration::from_secs(49));
        assert!(pace.lane("t/mde").hold(now).is_none());
    }

    #[test]
    fn short_windows_hold_as_well() {
        let lane = Lane::with(&[(5, Duration::from_secs(10))], 1);
        let sent = run(&lane, 12, |_| Duration::ZERO);
        assert_eq!((sent[4], sent[5], sent[10]), (Duration::ZERO, Duration::from_secs(10), Duration::from_secs(20)));
        // Two hundred pages of a list: what they take is the quota, and the way of one call in five.
        let pages = run(&Lane::with(&[(5, Duration::from_secs(10))], 1), 200, |_| Duration::from_millis(150));
        assert!((390..396).contains(&pages[199].as_secs()), "{:?}", pages[199]);
        let open = Lane::with(&[], 1);
        assert_eq!(run(&open, 1_000, |_| Duration::ZERO)[999], Duration::ZERO);
    }

    /// Tenants and queries under a clock of the test's own: whoever sleeps is woken when nobody else has anything to do.
    mod simulated {
        use super::*;
        use crate::collect::{Waiting, side_by_side};
        use std::{
            future::poll_fn,
            pin::pin,
            task::{Context, Poll, Waker},
        };

        struct Clock {
            now: Mutex<Instant>,
            sleepers: Mutex<Vec<(Instant, Waker)>>,
        }

        impl Clock {
            fn now(&self) -> Instant {
                *lock(&self.now)
            }

            async fn sleep_until(&self, until: Instant) {
                poll_fn(|context| {
                    if self.now() >= until {
                        return Poll::Ready(());
                    }
                    lock(&self.sleepers).push((until, context.waker().clone()));
                    Poll::Pending
                })
                .await;
            }

            fn run<T>(&self, work: impl Future<Output = T>) -> T {
                let mut work = pin!(work);
                loop {
                    if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        return done;
                    }
                    let next = lock(&self.sleepers).iter().map(|(until, _)| *until).min().unwrap();
                    *lock(&self.now) = next;
                    let (due, later): (Vec<_>, Vec<_>) = lock(&self.sleepers).drain(..).partition(|(until, _)| *until <= next);
                    *lock(&self.sleepers) = later;
                    for (_, waker) in due {
                        waker.wake();
                    }
                }
            }
        }

        /// Runs one query of so many calls, as `send` does, and notes when the service saw each.
        async fn query(clock: &Clock, lane: &Lane, calls: u64, seed: u64, arrivals: &Mutex<Vec<Instant>>) {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..calls {
                let _slot = lane.slots.acquire().await.unwrap();
                let number = loop {
                    match lane.turn(clock.now()) {
                        Ok(number) => break number,
                        Err(hold) => clock.sleep_until(hold.until).await,
                    }
                };
                let (sent, latency) = (clock.now(), Duration::from_millis(random.u64(200..1_900)));
                lock(arrivals).push(sent + latency.mul_f64(random.f64()));
                clock.sleep_until(sent + latency).await;
                lane.arrived(number, clock.now());
            }
        }

        /// 50 tenants, 20 queries each, 30 calls each: no tenant is asked more than its quota, and all end as soon as the quotas let them.
        #[test]
        fn many_tenants_and_queries_end_when_the_quotas_let_them() {
            let start = Instant::now();
            let clock = Clock { now: Mutex::new(start), sleepers: Mutex::default() };
            let limits = Limits { per_minute: 45, per_hour: Some(1_500), in_flight: 4 };
            let tenants: Vec<(Lane, Mutex<Vec<Instant>>)> = (0..50).map(|_| (Lane::new(limits), Mutex::default())).collect();
            let jobs = tenants.iter().enumerate().flat_map(|(tenant, lane)| {
                let clock = &clock;
                (0..20_u64).map(move |number| {
                    let seed = tenant as u64 * 100 + number;
                    Waiting { tenant: tenant.to_string(), work: Box::pin(query(clock, &lane.0, 30, seed, &lane.1)) }
                })
            });
            clock.run(side_by_side(jobs.collect(), 4));
            for tenant in &tenants {
                let mut seen = lock(&tenant.1).clone();
                seen.sort_unstable();
                assert_eq!(seen.len(), 600);
                assert!(seen.windows(46).all(|pair| pair[45] + Duration::from_millis(1) >= pair[0] + MINUTE));
            }
            // The 600th call of a tenant may be sent when 13 minutes are over.
            let best = MINUTE * 13;
            assert!(clock.now() - start <= best.mul_f64(1.1), "{:?}", clock.now() - start);
        }
    }

    proptest! {
        /// Wherever between sending and answering the service counts a call, it never counts too many.
        #[test]
        fn the_service_never_sees_too_many(rate in 1_u32..20, latency in proptest::collection::vec((0_u64..1900, 0.0_f64..1.0), 1..80)) {
            let lane = lane(rate, None);
            let at = |call: usize| Duration::from_millis(latency[call].0);
            let sent = run(&lane, latency.len(), at);
            let mut seen: Vec<Duration> = sent.iter().enumerate().map(|(call, sent)| *sent + at(call).mul_f64(latency[call].1)).collect();
            seen.sort_unstable();
            for pair in seen.windows(rate as usize + 1) {
                prop_assert!(pair[rate as usize] + Duration::from_millis(1) >= pair[0] + MINUTE);
            }
        }
    }
}
