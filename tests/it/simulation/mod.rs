//! The seeded simulation: the real money code under a hostile world that keeps its own books.
//!
//! Two tiers run here. T1 drives one payment through the attempt table against a model of a few integers, very often.
//! T2 drives the till over real SQLite against the simulator's books, with power cuts. A seed reproduces any failure:
//! `SHROFF_SEED=n cargo test --release --test it simulation`. Counts: `SHROFF_T1`, `SHROFF_T2`.

mod chance;
mod disk;
mod gateway;
mod refund_day;
mod refund_t1;
mod refund_t2;
mod replies;
mod t1;
mod t2;
mod world;

/// Reads a count from the environment: CI and soak runs set it.
pub(crate) fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.replace('_', "").parse().ok()).unwrap_or(default)
}

/// The one seed to look at, if somebody debugs.
pub(crate) fn only_seed() -> Option<u64> {
    std::env::var("SHROFF_SEED").ok().and_then(|text| text.parse().ok())
}

/// Runs `seeds` seeds on every core and fails with the first that does not hold.
pub(crate) fn in_parallel(seeds: u64, run: impl Fn(u64) -> Result<(), String> + Sync) {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let run = &run;
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || {
                    let first = u64::try_from(worker).expect("few cores");
                    (first..seeds)
                        .step_by(workers)
                        .try_for_each(|seed| run(seed).map_err(|error| format!("SHROFF_SEED={seed}: {error}")))
                })
            })
            .collect();
        for handle in handles {
            handle.join().expect("no panic").unwrap_or_else(|error| panic!("{error}"));
        }
    });
}
