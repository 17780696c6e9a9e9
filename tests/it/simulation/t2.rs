//! T2: the till over real SQLite, a shop day a seed: several payments on two lanes, crashes, cancels, fresh codes, two
//! beeps, repeated requests; then the faults stop, everything must settle, and the simulator's books are the auditor.

use std::time::Duration;

use shroff::payment::State;
use shroff::sim::book::Kind;
use shroff::words::Tick;

use super::refund_day;
use super::refund_t2::REFUND_BOUND;
use super::world::{Cut, World};
use super::{count, only_seed};

/// How long everything may take to settle once the faults stop (reliability, "settle bound").
pub(crate) const SETTLE_BOUND: Duration = Duration::from_secs(2 * 300 + 60);
/// Payments in one shop day.
const SALES: u32 = 20;

#[test]
fn t2_a_hostile_shop_day_agrees_with_the_books() {
    if let Some(seed) = only_seed() {
        let mut world = World::new(seed, SALES, Cut::Chance);
        world.loud = true;
        run(world).expect("the seed holds");
        return;
    }
    let days = count("SHROFF_T2", 20_000) / u64::from(SALES);
    super::in_parallel(days, |seed| run(World::new(seed, SALES, Cut::Chance)).map(|_| ()));
    println!("T2: {} hostile payments in {days} shop days, 0 wrong", days * u64::from(SALES));
}

#[test]
fn a_power_cut_after_every_single_step_loses_nothing() {
    let days = count("SHROFF_CUTS", 12);
    super::in_parallel(days, |seed| {
        let steps = run(World::new(seed, 3, Cut::Never))?.steps;
        for step in 1..=steps {
            for said in [true, false] {
                run(World::new(seed, 3, Cut::After { step, said }))
                    .map_err(|error| format!("cut after step {step}, said: {said}: {error}"))?;
            }
        }
        Ok(())
    });
}

#[test]
fn the_same_seed_is_the_same_day() {
    super::in_parallel(count("SHROFF_TWICE", 50), |seed| {
        let (one, two) = (run(World::new(seed, 6, Cut::Chance))?, run(World::new(seed, 6, Cut::Chance))?);
        if one.digest == two.digest { Ok(()) } else { Err("two runs differ".into()) }
    });
}

/// How a day ended.
pub(crate) struct Day {
    pub(crate) steps: u64,
    pub(crate) lines: u64,
    pub(crate) digest: u64,
    pub(crate) refunds: u64,
}

pub(crate) fn run(world: World) -> Result<Day, String> {
    run_mending(world, |_, error| Err(error))
}

/// Runs a day to its end. `mend` is told of each error, and may see to it.
pub(crate) fn run_mending(
    mut world: World,
    mut mend: impl FnMut(&mut World, String) -> Result<(), String>,
) -> Result<Day, String> {
    let mut turns = 0_u32;
    while let Some(at) = world.next() {
        if let Err(error) = world.turn(at) {
            mend(&mut world, error)?;
        }
        turns += 1;
        if turns > 200_000 {
            return Err("a loop that neither ends nor slows down".into());
        }
        let bound = if world.has_refunds() { REFUND_BOUND } else { SETTLE_BOUND };
        if world.now().since(world.quiet_from()) > bound && !world.is_settled() {
            return Err(format!("not settled {bound:?} after the faults stopped: {}", world.unsettled()));
        }
    }
    judge(&mut world)?;
    let refunds = world.refund_rows()?.len().try_into().unwrap_or(u64::MAX);
    Ok(Day { steps: world.steps(), lines: world.lines()?, digest: world.digest(), refunds })
}

/// Compares the ledger with the books, once everything is at rest.
fn judge(world: &mut World) -> Result<(), String> {
    if world.sold() < world.sales() {
        return Err(format!("only {} of {} payments were ever accepted", world.sold(), world.sales()));
    }
    let rows = world.rows()?;
    let mut taken = 0_u64;
    for row in &rows {
        let nets: Vec<u64> =
            row.attempts.iter().map(|attempt| world.book().net(attempt.record.out_trade_no.as_str())).collect();
        let net: u64 = nets.iter().sum();
        let reference = &row.record.facts.reference;
        if !row.record.state.is_final() {
            return Err(format!("{reference} rests in {:?}", row.record.state));
        }
        let kept = matches!(row.record.state, State::Paid | State::PartiallyRefunded);
        let said = if kept { row.record.facts.amount.minor() - row.refunded } else { 0 };
        if (row.refunded > 0) != matches!(row.record.state, State::PartiallyRefunded | State::Refunded) {
            return Err(format!("{reference} is {:?} with {} refunded", row.record.state, row.refunded));
        }
        if net != said {
            return Err(format!("{reference} is {:?}, and the books hold {net}", row.record.state));
        }
        if nets.iter().filter(|net| **net > 0).count() > 1 {
            return Err(format!("{reference} was charged twice"));
        }
        taken += said;
    }
    let balance: u64 = world.book().orders().iter().map(|order| order.net()).sum();
    if balance != taken {
        return Err(format!("the ledger says {taken}, the books say {balance}"));
    }
    refund_day::all_settled(&world.refund_rows()?, world.book())?;
    world.book().audit()?;
    for kind in [Kind::EarlyReverse, Kind::NumberReused, Kind::PayRepeated, Kind::CodeReused, Kind::RefundNumberReused]
    {
        if world.book().violations().count(kind) > 0 {
            return Err(format!("the gateway saw {}: {:?}", kind.word(), world.book().violations()));
        }
    }
    world.verify_ledger()
}

/// A moment as people say it, for messages.
pub(crate) fn seconds(at: Tick) -> String {
    format!("{}.{:03}s", at.micros() / 1_000_000, at.micros() / 1000 % 1000)
}
