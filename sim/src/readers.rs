//! Readers: they get and scan while writers write, and note what they saw.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use headwater_engine::Direction;
use headwater_model::{AttributeValue, SeededRng};

use crate::world::{KEYS, World, mark_of, scan};

/// Reads of one reader in one life, so that a ledger stays small.
const READS_MAX: u64 = 400;

pub(crate) async fn run(world: Arc<World>, seed: u64) -> Result<()> {
    let rng = SeededRng::new(seed);
    for _ in 0..READS_MAX {
        if world.stopped() {
            break;
        }
        match read(&world, &rng).await {
            Ok(()) => {}
            Err(_) if world.is_dark() => break,
            Err(error) => match error.downcast_ref() {
                Some(failed) if world.is_failed_state(failed) => break,
                _ => return Err(error),
            },
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn read(world: &World, rng: &SeededRng) -> Result<()> {
    let before = world.moment();
    let seen = match rng.below(4) {
        0 => scanned(world, rng)?,
        1 => one(world, format!("k{}", rng.below(KEYS))).await?,
        _ => one(world, "k0".to_owned()).await?,
    };
    for (key, mark) in seen {
        world.saw(key, mark, before);
    }
    Ok(())
}

async fn one(world: &World, key: String) -> Result<BTreeMap<String, Option<i64>>> {
    let mark = world.look(&key).await?;
    Ok([(key, mark)].into())
}

/// Every key with what a scan showed of it.
fn scanned(world: &World, rng: &SeededRng) -> Result<BTreeMap<String, Option<i64>>> {
    let mut seen: BTreeMap<String, Option<i64>> =
        (0..KEYS).map(|key| (format!("k{key}"), None)).collect();
    let limit = (rng.below(2) == 0).then_some(1 + rng.below(5) as usize);
    let direction = match rng.below(2) {
        0 => Direction::Forward,
        _ => Direction::Backward,
    };
    for item in scan(&world.database, &world.main, limit, direction)? {
        let Some(AttributeValue::S(key)) = item.get("pk")? else {
            continue;
        };
        let first = seen.insert(key.clone(), Some(mark_of(&item)?));
        if first.flatten().is_some() {
            return Err(anyhow::anyhow!("a scan shows it twice")).context(key);
        }
    }
    Ok(seen)
}
