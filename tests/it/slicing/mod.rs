//! Slicing held against a service in memory: whatever the rows, the caps and the refusals, what is stored is the table, each row once.

pub(crate) mod service;

use ircollect::{
    collect::{HuntJob, Observer, SliceMode, Subject, hunt, report},
    journal,
    store::Case,
    time::Window,
};
use proptest::{prelude::*, test_runner::TestRunner};
use service::{Habits, Piece, Row, Service, TICKS_A_SECOND, tick, time};
use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::runtime::Runtime;

struct Nobody;

impl Observer for Nobody {
    fn started(&self, _: &journal::Job) {}
    fn advanced(&self, _: &journal::Job, _: u64, _: u64) {}
    fn called(&self, _: &journal::Job) {}
    fn waiting(&self, _: &journal::Job, _: Duration, _: &str) {}
    fn ended(&self, _: &journal::Job, _: &report::Job) {}
}

/// What is asked, and how.
#[derive(Clone, Copy)]
struct Ask {
    text: &'static str,
    mode: SliceMode,
    resume: bool,
    reconcile: bool,
    concurrency: usize,
    seconds: i64,
    /// Ticks that the window begins later and ends earlier.
    trim: (i64, i64),
}

impl Default for Ask {
    fn default() -> Self {
        let (mode, seconds) = (SliceMode::Auto, 30 * 86_400);
        Self { text: "DeviceEvents", mode, resume: false, reconcile: false, concurrency: 3, seconds, trim: (0, 0) }
    }
}

fn start() -> i64 {
    tick("2026-01-01T00:00:00Z".parse().unwrap())
}

impl Ask {
    fn window(&self) -> Window {
        Window::new(time(start() + self.trim.0), time(start() + self.seconds * TICKS_A_SECOND - self.trim.1)).unwrap()
    }

    fn job(&self, case: &Case, habits: &Habits) -> HuntJob {
        let mut job = journal::Job {
            id: format!("job-{}", case.jobs().iter().count()),
            name: "q".into(),
            tenant: "t".into(),
            api: "graph".into(),
            query_sha256: Some(self.text.len().to_string()),
            window: Some(self.window()),
            ..journal::Job::default()
        };
        if let Some(known) = case.jobs().latest(&job).filter(|_| self.resume) {
            job.id.clone_from(&known.job.id);
        }
        HuntJob {
            job,
            file: None,
            subject: Subject::new(self.text, self.window().to),
            window: self.window(),
            timespan: false,
            formats: vec![ircollect::store::Format::Ndjson],
            rows_cap: habits.rows_cap,
            bytes_cap: habits.bytes_cap,
            mode: self.mode,
            concurrency: self.concurrency,
            resume: self.resume,
            reconcile: self.reconcile,
            by_day: false,
        }
    }

    async fn hunt(&self, dir: &Path, service: &Service) -> report::Job {
        let case = open(dir);
        hunt(&self.job(&case, &service.habits), service, &case, &Nobody).await
    }

    fn run(&self, dir: &Path, service: &Service) -> report::Job {
        RUNTIME.block_on(self.hunt(dir, service))
    }

    /// Runs until the service was called so often, and then dies.
    fn run_until_it_hangs(&self, dir: &Path, service: &Service) {
        RUNTIME.block_on(async {
            let hangs = service.habits.hangs.unwrap();
            tokio::select! {
                report = self.hunt(dir, service) => drop(report),
                () = async { while service.calls() < hangs { tokio::time::sleep(Duration::from_millis(1)).await; } } => {}
            }
        });
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn open(dir: &Path) -> Arc<Case> {
    // A run that was dropped may have a file on its way to disk, and with it the case's lock.
    let case = crate::case::when_free(dir);
    case.journal().prepare(journal::RunStarted::default());
    Arc::new(case)
}

/// The ids in the files of a report, sorted.
fn ids(dir: &Path, report: &report::Job) -> Vec<u64> {
    let mut ids = Vec::new();
    for file in &report.files {
        for line in std::fs::read_to_string(dir.join(&file.path)).unwrap().lines() {
            ids.push(serde_json::from_str::<serde_json::Value>(line).unwrap()["Id"].as_u64().unwrap());
        }
    }
    ids.sort_unstable();
    ids
}

/// Asserts that a job is whole, that it is the table within its window, and that it is one file.
#[track_caller]
fn assert_is_table(dir: &Path, report: &report::Job, service: &Service) {
    assert_eq!(report.status, report::JobStatus::Complete, "{report:#?}");
    let (from, to) = (tick(report.window.from), tick(report.window.to));
    let mut expected: Vec<u64> = service.rows().iter().filter(|row| (from..to).contains(&row.tick)).map(|row| row.id).collect();
    expected.sort_unstable();
    assert_eq!(ids(dir, report), expected);
    assert_eq!((report.rows, report.files.len()), (expected.len() as u64, 1), "{report:#?}");
    assert!(report.gaps.is_empty() && report.error.is_none());
    assert_eq!(Case::read(dir).unwrap().verify(&|_| ()).unwrap().problems.len(), 0);
}

/// Rows that lie evenly over the window, the last `dense` of them in one hour of it.
fn spread_out(rows: u64, dense: u64, seconds: i64) -> Vec<Row> {
    let length = seconds * TICKS_A_SECOND;
    let hour = start() + length / 2;
    let place =
        |at: u64, of: u64, length: i64| i64::try_from(u128::from(at) * u128::try_from(length).unwrap() / u128::from(of.max(1))).unwrap();
    let sparse = (0..rows - dense).map(|id| Row { tick: start() + place(id, rows - dense, length), id, pad: 0 });
    // Runs of rows at one tick.
    let dense =
        (0..dense).map(|at| Row { tick: hour + place(at / RUN * RUN, dense, 3_600 * TICKS_A_SECOND), id: rows - dense + at, pad: 0 });
    sparse.chain(dense).collect()
}

/// Rows at one tick of the dense hour.
const RUN: u64 = 100 / SMALLER;

/// How many times fewer rows and smaller caps where the code is not optimised.
const SMALLER: u64 = if cfg!(debug_assertions) { 50 } else { 1 };

#[test]
fn three_hundred_thousand_rows_come_in_eight_calls() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask::default();
    let habits = Habits { rows_cap: 100_000 / SMALLER, ..Habits::default() };
    let service = Service::new(spread_out(330_000 / SMALLER, 165_000 / SMALLER, ask.seconds), habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert!(report.calls <= 8, "{} calls", report.calls);
    assert_eq!(report.counted, Some(report.rows));
}

#[test]
fn ten_million_rows_come_in_few_more_calls_than_they_must() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask::default();
    let habits = Habits { rows_cap: 100_000 / SMALLER, ..Habits::default() };
    let service = Service::new(spread_out(10_000_000 / SMALLER, 5_000_000 / SMALLER, ask.seconds), habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert!(f64::from(report.calls) <= 135.0, "{} calls", report.calls);
}

#[test]
fn a_table_of_two_caps_and_a_half_takes_seven_calls_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask::default();
    let habits = Habits { rows_cap: 100_000 / SMALLER, ..Habits::default() };
    let service = Service::new(spread_out(250_000 / SMALLER, 0, ask.seconds), habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert!(report.calls <= 6, "{} calls", report.calls);
}

#[test]
fn more_rows_in_a_tick_than_the_cap_are_parted_by_hash() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask::default();
    let habits = Habits { rows_cap: 100_000 / SMALLER, ..Habits::default() };
    let at = start() + 1_234_567_890;
    let rows = (0..250_000 / SMALLER)
        .map(|id| Row { tick: at, id, pad: 0 })
        .chain(spread_out(100, 0, ask.seconds).into_iter().map(|row| Row { id: row.id + 1_000_000, ..row }));
    let service = Service::new(rows.collect(), habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert!(report.calls <= 9, "{} calls", report.calls);
}

#[test]
fn a_table_without_time_is_counted_and_parted_by_hash() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask { text: "DeviceTvmSoftwareInventory", ..Ask::default() };
    let habits = Habits { rows_cap: 1_000, ..Habits::default() };
    let service = Service::new(spread_out(5_000, 0, ask.seconds), habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert!(report.calls <= 10, "{} calls", report.calls);
}

#[test]
fn a_query_that_drops_its_time_costs_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask { text: "DeviceEvents | project Id", ..Ask::default() };
    let habits = Habits { rows_cap: 100_000 / SMALLER, ..Habits::default() };
    let service = Service::new(spread_out(330_000 / SMALLER, 165_000 / SMALLER, ask.seconds), habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert!(report.calls <= 8, "{} calls", report.calls);
}

#[test]
fn large_rows_are_weighed_before_they_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask::default();
    let rows = spread_out(5_000, 1_000, ask.seconds).into_iter().map(|row| Row { pad: u16::try_from(row.id % 7 * 300).unwrap(), ..row });
    let service = Service::new(rows.collect(), Habits { rows_cap: 4_000, bytes_cap: 500_000, ..Habits::default() });
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    let least = 5_000 * 950 / 500_000 + 1;
    assert!(f64::from(report.calls) <= f64::from(least) * 1.5 + 3.0, "{} calls", report.calls);
}

#[test]
fn large_rows_are_learnt_of_where_the_service_does_not_weigh() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask::default();
    let rows = spread_out(5_000, 1_000, ask.seconds).into_iter().map(|row| Row { pad: 900, ..row });
    let service = Service::new(rows.collect(), Habits { rows_cap: 4_000, bytes_cap: 500_000, unknown: &["IrBytes"], ..Habits::default() });
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert!(report.calls <= 30, "{} calls", report.calls);
}

#[test]
fn a_service_that_does_not_count_is_asked_in_halves() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask::default();
    let service = Service::new(spread_out(2_000, 0, ask.seconds), Habits { rows_cap: 500, unknown: &["IrRows"], ..Habits::default() });
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert_eq!(report.counted, None);
    assert!(report.notes.iter().any(|note| note.contains("did not count")), "{:?}", report.notes);
}

#[test]
fn what_may_not_be_cut_is_incomplete_and_says_what_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::new(spread_out(2_000, 0, 86_400), Habits { rows_cap: 500, ..Habits::default() });
    for ask in [Ask { text: "DeviceEvents | top 5000 by Timestamp", ..Ask::default() }, Ask { mode: SliceMode::Off, ..Ask::default() }] {
        let report = ask.run(dir.path(), &service);
        assert_eq!((report.status, report.rows, report.exit_code()), (report::JobStatus::Partial, 500, 6));
        assert_eq!(report.gaps.len(), 1);
        let error = report.error.unwrap();
        assert!(error.message.contains("not cut: ") && !error.hint.is_empty(), "{error:?}");
    }
    assert_eq!(service.calls(), 2);
}

#[test]
fn a_query_that_is_made_anew_of_its_rows_is_cut_only_where_that_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mode = SliceMode::Every(jiff::SignedDuration::from_hours(24));
    let service = Service::new(spread_out(2_000, 0, 10 * 86_400), Habits { rows_cap: 500, ..Habits::default() });
    let ask = Ask { text: "DeviceEvents | top 5000 by Timestamp", mode, seconds: 10 * 86_400, ..Ask::default() };
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert_eq!((report.calls, report.counted), (10, None), "each day has a result of its own, which no count is held against");
    let timeless = Ask { text: "DeviceTvmSoftwareInventory", mode, ..Ask::default() };
    let report = timeless.run(dir.path(), &Service::new(spread_out(100, 0, 86_400), Habits::default()));
    assert_eq!((report.calls, report.rows), (1, 100), "every day would hold all rows");
}

#[test]
fn fewer_rows_than_the_service_says_it_has_are_too_few() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask::default();
    let habits = Habits { rows_cap: 100_000, stated_cap: Some(700), ..Habits::default() };
    let service = Service::new(spread_out(2_000, 0, ask.seconds), habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
}

#[test]
fn rows_that_arrive_late_are_fetched_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask { concurrency: 1, ..Ask::default() };
    let rows = spread_out(3_000, 0, ask.seconds);
    let late = |from, id: u64| (from, Row { tick: rows[7].tick + 1, id, pad: 0 });
    // The second data call is the fourth in all: the first slice is stored by then.
    let habits = Habits { rows_cap: 1_000, late: vec![late(5, 9_000), late(5, 9_001)], ..Habits::default() };
    let service = Service::new(rows.clone(), habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert_eq!((report.rows, report.counted, report.difference), (3_002, Some(3_002), Some(0)));
    assert!(report.notes.iter().any(|note| note.contains("arrived late")), "{:?}", report.notes);
    let fetched = service.asked.lock().unwrap().len();
    assert_eq!(fetched, 1 + 4 + 1, "one slice is fetched once more, not all");
}

#[test]
fn a_count_that_stays_higher_is_a_gap_and_is_looked_at_again() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask { reconcile: true, ..Ask::default() };
    let rows = spread_out(100, 0, ask.seconds);
    let late = |from, id| (from, Row { tick: start() + 1, id, pad: 0 });
    // One more whenever it counts: after the second call, which counts, and after the third, which fetches again.
    let service = Service::new(rows.clone(), Habits { late: vec![late(2, 900), late(4, 901)], ..Habits::default() });
    let report = ask.run(dir.path(), &service);
    assert_eq!((report.status, report.exit_code(), report.counted), (report::JobStatus::Partial, 6, Some(102)), "{report:#?}");
    assert!(report.gaps[0].reason.contains("1 more than are stored"), "{report:#?}");
    assert_eq!(report.difference, Some(1));
    let again = Ask { resume: true, ..Ask::default() }.run(dir.path(), &service);
    assert_is_table(dir.path(), &again, &service);
    assert_eq!(again.counted, Some(102));
}

#[test]
fn rows_that_age_out_are_said_and_never_called_equal() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask { concurrency: 1, ..Ask::default() };
    // The whole, a histogram and four slices; by the count at the end, the first day is gone.
    let aged = Some((7, start() + 86_400 * TICKS_A_SECOND));
    let service = Service::new(spread_out(3_000, 0, ask.seconds), Habits { rows_cap: 1_000, aged, ..Habits::default() });
    let report = ask.run(dir.path(), &service);
    let counted = service.rows().len() as u64;
    assert!((2_800..2_950).contains(&counted), "{counted}");
    assert_eq!((report.status, report.rows, report.counted), (report::JobStatus::Complete, 3_000, Some(counted)), "{report:#?}");
    assert_eq!(report.difference, Some(i64::try_from(counted).unwrap() - 3_000));
    assert!(report.notes.iter().any(|note| note.contains("age out")), "{:?}", report.notes);
    let journal = std::fs::read_to_string(dir.path().join("journal.jsonl")).unwrap();
    let ended = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let ended = ended.into_iter().find(|event| event["event"] == "job-ended").unwrap();
    assert_eq!((&ended["rows"], &ended["counted"]), (&3_000.into(), &counted.into()), "{ended}");
    assert_eq!(ended["difference"], report.difference.unwrap(), "{ended}");
    assert!(ended["counted_at"].is_string() && ended["notes"][0].as_str().unwrap().contains("age out"), "{ended}");
}

#[test]
fn a_whole_job_is_reported_without_a_call() {
    let dir = tempfile::tempdir().unwrap();
    let ask = Ask { resume: true, ..Ask::default() };
    let service = Service::new(spread_out(3_300, 0, ask.seconds), Habits { rows_cap: 1_000, ..Habits::default() });
    let first = ask.run(dir.path(), &service);
    let calls = service.calls();
    let second = ask.run(dir.path(), &service);
    assert_eq!(service.calls(), calls);
    assert_is_table(dir.path(), &second, &service);
    assert_eq!((&first.files[0].path, first.counted), (&second.files[0].path, second.counted));
}

#[derive(Clone, Debug)]
struct World {
    rows: Vec<Row>,
    habits: Habits,
    text: &'static str,
    concurrency: usize,
    trim: (i64, i64),
    /// After how many calls each run dies, one after another, and how.
    deaths: Vec<(u32, bool)>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let seconds = 30 * 86_400_i64;
    let places = proptest::collection::vec((0..seconds * TICKS_A_SECOND, 1_usize..60, 0_i64..3, 0_u16..120), 0..12);
    places.prop_map(move |places| {
        let mut rows: Vec<Row> = Vec::new();
        for (at, run, step, pad) in places {
            rows.extend((0..run).map(|number| Row { tick: start() + at + step * i64::try_from(number).unwrap(), id: 0, pad }));
        }
        rows.retain(|row| row.tick < start() + seconds * TICKS_A_SECOND);
        rows.iter_mut().zip(1..).for_each(|(row, id)| row.id = id);
        rows
    })
}

/// Where the window begins and ends: where the company's time does, or anywhere, or at a row or a tick beside one.
fn trims() -> impl Strategy<Value = Option<[(prop::sample::Index, i64); 2]>> {
    proptest::option::of([(any::<prop::sample::Index>(), -1_i64..2), (any::<prop::sample::Index>(), -1_i64..2)])
}

fn trimmed(rows: &[Row], edges: Option<[(prop::sample::Index, i64); 2]>) -> (i64, i64) {
    let length = 30 * 86_400 * TICKS_A_SECOND;
    let Some(edges) = edges.filter(|_| !rows.is_empty()) else { return (0, 0) };
    let [a, b] = edges.map(|(index, beside)| (rows[index.index(rows.len())].tick - start() + beside).clamp(0, length));
    let (from, to) = (a.min(b), a.max(b));
    if from < to { (from, length - to) } else { (0, 0) }
}

fn world() -> impl Strategy<Value = World> {
    let habits = (3_u64..60, 600_u64..20_000, prop_oneof![Just(0.0), 0.0..0.3], any::<u64>(), 0_usize..5);
    let texts = prop_oneof![Just("DeviceEvents"), Just("DeviceEvents | project Id"), Just(TIMELESS)];
    let deaths = proptest::collection::vec((1_u32..20, any::<bool>()), 0..3);
    (rows(), habits, texts, 1_usize..5, deaths, trims()).prop_map(
        |(rows, (rows_cap, bytes_cap, refused, seed, unknown), text, concurrency, deaths, edges)| {
            let unknown: &'static [&'static str] = [&[][..], &["IrBytes"], &["IrBin"], &["IrTime"], &["IrFirst"]][unknown];
            let habits = Habits { rows_cap, bytes_cap, refused, unknown, seed, ..Habits::default() };
            let trim = trimmed(&rows, edges.filter(|_| text != TIMELESS));
            World { rows, habits, text, concurrency, trim, deaths }
        },
    )
}

/// A table without a time: every window holds all of it.
const TIMELESS: &str = "DeviceTvmSoftwareInventory";

/// Worlds that are tried: each takes as many files to disk as the service gives answers.
#[allow(clippy::disallowed_methods, reason = "a variable makes it long")]
fn cases() -> u32 {
    if crate::support::is_long() { 2_000 } else { 40 }
}

/// What the journal holds of a job, as the questions that would ask for it.
fn held(dir: &Path) -> Vec<Piece> {
    let case = open(dir);
    let files = case.jobs().iter().flat_map(|known| &known.files);
    let held = files.flat_map(|file| {
        let window = file.slice.or(file.job.window).unwrap();
        let own = journal::Held { from: window.from, to: window.to, part: file.part, share: 0, rows: 0 };
        if file.holds.is_empty() { vec![own] } else { file.holds.clone() }
    });
    held.map(|held| (tick(held.from), tick(held.to), held.part.map(|(index, of)| (index.into(), of.into())))).collect()
}

/// Whatever the rows, the caps, the refusals, and however often a run dies: in the end the table is stored, each row once, and nothing
/// that was stored is asked for again.
#[test]
fn what_is_stored_is_the_table() {
    let threads = if crate::support::is_long() { std::thread::available_parallelism().map_or(1, std::num::NonZero::get) } else { 1 };
    let cases = cases() / u32::try_from(threads).unwrap();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|_| scope.spawn(|| worlds(cases))).collect();
        for run in runs {
            run.join().unwrap();
        }
    });
}

fn worlds(cases: u32) {
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&world(), |world| {
        is_stored(world);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

fn is_stored(world: World) {
    let dir = folder();
    for (calls, softly) in &world.deaths {
        let died = Some(*calls);
        let habits = if *softly { Habits { dies: died, ..world.habits.clone() } } else { Habits { hangs: died, ..world.habits.clone() } };
        let ask = Ask { text: world.text, concurrency: world.concurrency, trim: world.trim, resume: true, ..Ask::default() };
        let before = held(dir.path());
        let service = Service::new(world.rows.clone(), habits);
        if *softly {
            ask.run(dir.path(), &service);
        } else {
            ask.run_until_it_hangs(dir.path(), &service);
        }
        assert_asks_for_none_of(&service, &before);
    }
    let ask = Ask { text: world.text, concurrency: world.concurrency, trim: world.trim, resume: true, ..Ask::default() };
    let before = held(dir.path());
    let service = Service::new(world.rows, world.habits);
    let report = ask.run(dir.path(), &service);
    assert_is_table(dir.path(), &report, &service);
    assert_asks_for_none_of(&service, &before);
}

/// A folder in memory where there is one: every answer of every world is synced, and no power will fail.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[track_caller]
fn assert_asks_for_none_of(service: &Service, held: &[Piece]) {
    for ((from, to, part), answered) in service.asked.lock().unwrap().iter() {
        let touches = |held: &&Piece| {
            let parts = match (part, held.2) {
                (Some((a, of_a)), Some((b, of_b))) => (0..of_a * of_b).any(|hash| hash % of_a == *a && hash % of_b == b),
                _ => true,
            };
            parts && *from < held.1 && held.0 < *to
        };
        assert!(!answered || !held.iter().any(|held| touches(&held)), "[{from}, {to}) {part:?} was stored already");
    }
}
