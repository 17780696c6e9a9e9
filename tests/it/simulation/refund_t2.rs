//! T2 with refunds: shop days on which money also goes back, in parts, from several mouths, through crashes and lies. The
//! books say whether each refund was returned once, or never.

use std::time::Duration;

use super::t2::{Day, run};
use super::world::{Cut, World};
use super::{count, only_seed};

/// Payments in one day.
const SALES: u32 = 8;
/// How long refunds may take to settle once the faults have stopped, beside the time WeChat works on them.
pub(crate) const REFUND_BOUND: Duration = Duration::from_secs(6 * 3600);

#[test]
fn t2_a_hostile_day_of_refunds_agrees_with_the_books() {
    if let Some(seed) = only_seed() {
        let mut world = World::new(seed, SALES, Cut::Chance).with_refunds(seed);
        world.loud = true;
        run(world).expect("the seed holds");
        return;
    }
    let days = count("SHROFF_T2", 20_000) / (4 * u64::from(SALES));
    let refunds = std::sync::atomic::AtomicU64::new(0);
    super::in_parallel(days, |seed| {
        let Day { refunds: some, .. } = run(World::new(seed, SALES, Cut::Chance).with_refunds(seed))?;
        refunds.fetch_add(some, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    });
    let refunds = refunds.into_inner();
    assert!(refunds > days, "{refunds} refunds in {days} days: hardly any were asked for");
    println!("T2: {refunds} hostile refunds in {days} shop days, 0 wrong");
}

#[test]
fn a_power_cut_after_every_single_step_of_a_refund_loses_nothing() {
    let days = count("SHROFF_CUTS", 12) / 2;
    super::in_parallel(days, |seed| {
        let calm = |cut| World::new(seed, 1, cut).with_refunds(seed);
        let steps = run(calm(Cut::Never))?.steps;
        for step in 1..=steps {
            for said in [true, false] {
                run(calm(Cut::After { step, said }))
                    .map_err(|error| format!("cut after step {step}, said: {said}: {error}"))?;
            }
        }
        Ok(())
    });
}
