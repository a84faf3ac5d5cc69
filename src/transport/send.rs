//! The course of a call: wait for the lane, take a bearer, send, hand the body on, decide, wait, again.
//!
//! Every wait can be interrupted, and every exchange and wait is told to the witness.

use super::{
    Authorize, Broken, Budget, Call, Exchange, Head, Receive, Transport, Wait,
    classify::{Answered, Outcome, lost},
    failure,
    pace::{Hold, Lane},
    retry::{Class, Course, Decision, decide, may_wait},
    stated::server_date,
};
use crate::{
    error::{Error, Kind, Result},
    secret::{SafeUrl, Secret},
};
use reqwest::{
    Request, Response,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until, timeout},
};

/// How much of a refusal's body is read: envelopes are small, and what is not one is kept in excerpts only.
const REFUSAL: usize = 64 << 10;

/// Waits for our own pace that are shorter are not worth telling.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Where a call stands between two tries.
#[derive(Default)]
struct Progress {
    tries: u32,
    gateways: u32,
    /// Failures of the service in a row.
    faults: u32,
    bearer: Option<Secret>,
    /// The bearer that the service refused, until there is another.
    rejected: Option<Secret>,
    renewed: bool,
}

/// A place in the lane, taken until it is dropped.
struct Turn {
    lane: Arc<Lane>,
    number: u64,
    _slot: OwnedSemaphorePermit,
}

/// What is known of an exchange while it runs.
#[derive(Default)]
struct Seen {
    status: Option<u16>,
    request_id: Option<String>,
    server_date: Option<jiff::Timestamp>,
    bytes: u64,
}

impl Transport {
    /// Sends a call and hands the body of its 2xx answer to `receive`, with as many tries as the contract asks for.
    ///
    /// # Errors
    /// As the last answer was: [`Kind::Query`] for 400, [`Kind::Credential`] for 401, [`Kind::Permission`] for 403,
    /// [`Kind::Incomplete`] for 429, [`Kind::Failed`] for the rest; [`Kind::Interrupted`] where the process is to end; what
    /// `auth` and `receive` fail with. The source is a [`ServiceFault`](super::ServiceFault) where the service had a say.
    pub async fn send(&self, call: &Call, auth: &dyn Authorize, budget: &Budget, receive: &mut dyn Receive) -> Result<Head> {
        call.check_target()?;
        let mut progress = Progress::default();
        loop {
            let turn = self.turn(call, auth, budget, &mut progress).await?;
            progress.tries += 1;
            budget.count(progress.tries);
            let lane = Arc::clone(&turn.lane);
            match self.attempt(call, &progress, turn, budget, receive).await {
                Outcome::Whole(head) => return Ok(head),
                Outcome::Fatal(error) => return Err(error),
                outcome => self.after(call, budget, &mut progress, &lane, outcome).await?,
            }
        }
    }

    /// Waits for something that the service gives in its own time, on a job's budget.
    ///
    /// # Errors
    /// [`Kind::Incomplete`] where the budget does not reach so far, [`Kind::Interrupted`] where the process is to end.
    pub async fn rest(&self, lane: &str, budget: &Budget, length: Duration, reason: &str) -> Result<()> {
        if length > budget.remaining() {
            return Err(no_time("waiting", budget, length, reason));
        }
        self.witness.waiting(&Wait { lane: lane.to_owned(), length, reason: reason.to_owned() });
        let _waiting = budget.waiting(true);
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::new(Kind::Interrupted, "interrupted while waiting")),
            () = sleep_until(Instant::now() + length) => Ok(()),
        }
    }

    /// Waits until the lane has a place and a bearer is there.
    async fn turn(&self, call: &Call, auth: &dyn Authorize, budget: &Budget, progress: &mut Progress) -> Result<Turn> {
        let lane = self.pace.lane(&call.lane);
        let slot = self.unless_cancelled(call, Arc::clone(&lane.slots).acquire_owned()).await?;
        let slot = slot.map_err(|cause| Error::new(Kind::Failed, format!("{}: the lane is closed", call.doing)).caused_by(cause))?;
        loop {
            while let Some(hold) = lane.hold(Instant::now()) {
                self.held(call, budget, progress, &hold).await?;
            }
            progress.bearer = self.unless_cancelled(call, bearer(call, auth, progress.rejected.as_ref())).await??;
            progress.rejected = None;
            if let Ok(number) = lane.turn(Instant::now()) {
                return Ok(Turn { lane, number, _slot: slot });
            }
        }
    }

    /// Waits for the lane. A wait that a service asked for counts against `--max-wait`, one for our own pace does not.
    async fn held(&self, call: &Call, budget: &Budget, progress: &Progress, hold: &Hold) -> Result<()> {
        let length = hold.until.saturating_duration_since(Instant::now());
        if hold.throttled && !may_wait(length, &course(call, budget, progress)) {
            return Err(no_time(&call.doing, budget, length, &hold.reason));
        }
        if hold.throttled || length >= WORTH_TELLING {
            self.tell(call, length, &hold.reason);
        }
        let waiting = hold.throttled.then(|| budget.waiting(true));
        self.unless_cancelled(call, sleep_until(hold.until)).await?;
        drop(waiting);
        Ok(())
    }

    /// Decides after a try that failed, and waits if it is to be made again.
    async fn after(&self, call: &Call, budget: &Budget, progress: &mut Progress, lane: &Lane, outcome: Outcome) -> Result<()> {
        let fault = outcome.fault(self.reached(call));
        let heavy = outcome.is_heavy();
        progress.gateways = if heavy || outcome.is_gateway() { progress.gateways + 1 } else { 0 };
        progress.faults = if outcome.is_service_fault() { progress.faults + 1 } else { 0 };
        let course = course(call, budget, progress);
        let mut decision = decide(fault, &course);
        let enough = |most: Option<u32>, so_many: u32| most.is_some_and(|most| so_many >= most);
        if enough(call.gateway_tries.map(|most| most + u32::from(heavy)), progress.gateways) || enough(call.fault_tries, progress.faults) {
            decision = Decision::GiveUp;
        }
        if call.once && outcome.is_open() {
            decision = Decision::GiveUp;
        }
        let reason = outcome.words().unwrap_or_default();
        if let (Class::Throttled, Decision::Wait(wait), _) | (Class::Throttled, _, Some(wait)) = (fault.class, decision, fault.stated) {
            lane.block(Instant::now(), wait, &reason);
        }
        match decision {
            // The lane is blocked for all, so that the next turn waits.
            Decision::Wait(_) if fault.class == Class::Throttled => Ok(()),
            Decision::Wait(wait) => self.pause(call, budget, wait, reason).await,
            Decision::Renew => {
                progress.renewed = true;
                progress.rejected = progress.bearer.take();
                Ok(())
            }
            Decision::GiveUp => Err(failure::error(call, outcome, &course, progress.bearer.as_ref())),
        }
    }

    async fn pause(&self, call: &Call, budget: &Budget, length: Duration, reason: String) -> Result<()> {
        self.tell(call, length, &reason);
        let _waiting = budget.waiting(false);
        self.unless_cancelled(call, sleep_until(Instant::now() + length)).await
    }

    /// Makes one try and tells the witness.
    async fn attempt(&self, call: &Call, progress: &Progress, turn: Turn, budget: &Budget, receive: &mut dyn Receive) -> Outcome {
        let client_request_id = uuid::Uuid::new_v4().to_string();
        let (started, clock, mut seen) = (jiff::Timestamp::now(), Instant::now(), Seen::default());
        let outcome = match request(call, progress.bearer.as_ref(), &client_request_id) {
            Ok(request) => {
                let exchange = self.exchange(call, request, &client_request_id, progress, &turn, receive, &mut seen);
                self.unless_cancelled(call, exchange).await.unwrap_or_else(Outcome::Fatal)
            }
            Err(error) => Outcome::Fatal(error),
        };
        if let Outcome::Late { after, .. } = &outcome {
            budget.charge(*after);
        }
        self.witness.exchange(&Exchange {
            method: call.method.to_string(),
            url: SafeUrl::new(&call.url),
            lane: call.lane.clone(),
            attempt: progress.tries,
            status: seen.status,
            request_id: seen.request_id,
            client_request_id,
            bytes: seen.bytes,
            started,
            elapsed: clock.elapsed(),
            failure: outcome.words(),
            server_date: seen.server_date,
        });
        outcome
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one try, of which two are borrowed for writing")]
    async fn exchange(
        &self,
        call: &Call,
        request: Request,
        client_request_id: &str,
        progress: &Progress,
        turn: &Turn,
        receive: &mut dyn Receive,
        seen: &mut Seen,
    ) -> Outcome {
        let response = match timeout(call.deadline, self.client.execute(request)).await {
            Err(_) => return Outcome::Late { after: call.deadline, head: None },
            Ok(Err(error)) => return lost(&error),
            Ok(Ok(response)) => response,
        };
        turn.lane.arrived(turn.number, Instant::now());
        self.mark_reached(call);
        let head = Head::of(&response, client_request_id);
        seen.status = Some(head.status);
        seen.request_id.clone_from(&head.request_id);
        seen.server_date = server_date(&head.headers);
        tracing::debug!(url = %SafeUrl::new(&call.url), status = head.status, request_id = head.request_id, client_request_id, "answered");
        if response.status().is_success() {
            take(response, head, call.idle, receive, seen).await
        } else {
            let body = refusal(response, call.idle, seen).await;
            Outcome::Answered(Answered::read(head, &body, progress.bearer.as_ref()))
        }
    }

    async fn unless_cancelled<T>(&self, call: &Call, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {
                Err(Error::new(Kind::Interrupted, format!("{}: interrupted", call.doing)).hint("the same command with --resume goes on"))
            }
            done = work => Ok(done),
        }
    }

    fn tell(&self, call: &Call, length: Duration, reason: &str) {
        tracing::info!(lane = call.lane, seconds = length.as_secs_f64(), reason, "waiting");
        self.witness.waiting(&Wait { lane: call.lane.clone(), length, reason: reason.to_owned() });
    }
}

impl Head {
    fn of(response: &Response, client_request_id: &str) -> Self {
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::to_owned);
        Self {
            status: response.status().as_u16(),
            request_id: header("request-id").or_else(|| header("x-ms-request-id")),
            client_request_id: client_request_id.to_owned(),
            headers: response.headers().clone(),
        }
    }
}

fn course(call: &Call, budget: &Budget, progress: &Progress) -> Course {
    Course {
        tries: progress.tries,
        waited: budget.spent(),
        max_wait: budget.max_wait(),
        renewed: progress.renewed,
        throttle_base: call.throttle_base,
        jitter: 0.8 + 0.4 * fastrand::f64(),
    }
}

/// The bearer for the next try: another one where the last was refused.
async fn bearer(call: &Call, auth: &dyn Authorize, rejected: Option<&Secret>) -> Result<Option<Secret>> {
    let Some(scope) = &call.scope else { return Ok(None) };
    let bearer = match rejected {
        Some(rejected) => auth.renew(scope, rejected).await,
        None => auth.bearer(scope).await,
    };
    bearer.map(Some).map_err(|error| error.context(&call.doing))
}

fn request(call: &Call, bearer: Option<&Secret>, client_request_id: &str) -> Result<Request> {
    let mut request = Request::new(call.method.clone(), call.url.clone());
    let headers = request.headers_mut();
    headers.extend(call.headers.clone());
    if !call.bare {
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        put(headers, "client-request-id", client_request_id)?;
        put(headers, "return-client-request-id", "true")?;
    }
    if let Some(bearer) = bearer {
        headers.insert(AUTHORIZATION, authorization(call, bearer)?);
    }
    *request.body_mut() = call.body.clone().map(Into::into);
    Ok(request)
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<()> {
    let value =
        HeaderValue::from_str(value).map_err(|cause| Error::new(Kind::Failed, format!("setting header {name}")).caused_by(cause))?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

fn authorization(call: &Call, bearer: &Secret) -> Result<HeaderValue> {
    let unsendable = |_| Error::new(Kind::Credential, format!("{}: the token holds characters that no header may", call.doing));
    let mut value = HeaderValue::from_str(&format!("Bearer {}", bearer.expose())).map_err(unsendable)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Hands a body on as it comes.
async fn take(mut response: Response, head: Head, idle: Duration, receive: &mut dyn Receive, seen: &mut Seen) -> Outcome {
    if let Err(broken) = receive.begin(&head) {
        return broken.outcome(head);
    }
    loop {
        let taken = match timeout(idle, response.chunk()).await {
            Err(_) => return Outcome::Late { after: idle, head: Some(head) },
            Ok(Err(error)) => Err(Broken::Body(cut(&error, seen.bytes))),
            Ok(Ok(Some(chunk))) => {
                seen.bytes += chunk.len() as u64;
                receive.chunk(&chunk)
            }
            Ok(Ok(None)) => return receive.end().map_or_else(|broken| broken.outcome(head.clone()), |()| Outcome::Whole(head.clone())),
        };
        if let Err(broken) = taken {
            return broken.outcome(head);
        }
    }
}

impl Broken {
    fn outcome(self, head: Head) -> Outcome {
        match self {
            Self::Body(words) => Outcome::Broken { head, words },
            Self::Fatal(error) => Outcome::Fatal(error),
        }
    }
}

fn cut(error: &reqwest::Error, bytes: u64) -> String {
    match lost(error) {
        Outcome::Lost { words, .. } => format!("the body is cut after {bytes} bytes ({words})"),
        _ => format!("the body is cut after {bytes} bytes"),
    }
}

/// Reads what is kept of a refusal's body. What does not come is not worth a failure of its own.
async fn refusal(mut response: Response, idle: Duration, seen: &mut Seen) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Ok(Some(chunk))) = timeout(idle, response.chunk()).await {
        seen.bytes += chunk.len() as u64;
        body.extend_from_slice(chunk.get(..REFUSAL - body.len()).unwrap_or(&chunk));
        if body.len() >= REFUSAL {
            break;
        }
    }
    body
}

fn no_time(doing: &str, budget: &Budget, wait: Duration, reason: &str) -> Error {
    let message = format!(
        "{doing}: the lane waits for {} s more ({reason}), and {} s are left of --max-wait {} s",
        wait.as_secs(),
        budget.remaining().as_secs(),
        budget.max_wait().as_secs()
    );
    Error::new(Kind::Incomplete, message)
        .with_code("TooManyRequests")
        .hint("give more time by --max-wait; run again with --resume to go on")
}
