//! Writers: each carries out a seeded series of commands on keys that all of them share, notes every attempt
//! before it is sent and every answer, and moves the clock and the shards now and then. Refused for lack of room, it
//! tries a few times more and waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use headwater_engine::{
    Action, Command, EngineError, Identity, ItemCommand, Outcome, Refusal, RequestToken,
    ReturnValues,
};
use headwater_model::{AttributeValue, Clock, EncodedItem, SeededRng};

use crate::check::read_all;
use crate::ledger::{Attempt, Deed, Fate};
use crate::world::{
    KEYS, MARK, VALUE, World, condition, is_no_room, item_command, key_item, mark_of, number,
    number_of, update,
};

/// Refusals for lack of room after which a writer waits for some.
const REFUSALS_MAX: u64 = 5;
/// Attempts after the log was seen to fail: they show that it stays so.
const LATE_ATTEMPTS: u64 = 4;
const OPEN_SHARDS_MAX: usize = 8;
/// The item that counts commands of several items.
pub(crate) const TALLY_KEY: &str = "many";

pub(crate) async fn run(world: Arc<World>, seed: u64, steps: u64) -> Result<()> {
    let writer = Writer::new(world, seed);
    let mut late = 0;
    for _ in 0..steps {
        if writer.world.stopped() || late == LATE_ATTEMPTS {
            break;
        }
        late += u64::from(writer.world.ledger.has_log_failed());
        match writer.world.answered(writer.step()).await? {
            Ok(()) => {}
            Err(_) if writer.world.is_dark() => break,
            Err(error) => return Err(error),
        }
        if writer.is_tired_of_refusals() && !writer.world.await_room().await {
            break;
        }
    }
    Ok(())
}

/// Puts an item again and again until that is acknowledged, or nothing can be written any more.
pub(crate) async fn put_until_acknowledged(world: Arc<World>, seed: u64) -> Result<()> {
    let writer = Writer::new(world, seed);
    while !writer.world.is_over() && !writer.world.ledger.has_log_failed() {
        match writer.put("k0", None).await {
            Ok(true) => break,
            Ok(false) => tokio::task::yield_now().await,
            Err(_) if writer.world.is_dark() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

struct Writer {
    world: Arc<World>,
    rng: SeededRng,
    /// How often it was refused for lack of room since it last waited for some.
    refusals: AtomicU64,
}

impl Writer {
    fn new(world: Arc<World>, seed: u64) -> Self {
        Writer {
            world,
            rng: SeededRng::new(seed),
            refusals: AtomicU64::new(0),
        }
    }

    fn is_tired_of_refusals(&self) -> bool {
        let refused = |refusals: u64| (refusals >= REFUSALS_MAX).then_some(0);
        let order = Ordering::Relaxed;
        self.refusals.fetch_update(order, order, refused).is_ok()
    }

    fn was_refused(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    async fn step(&self) -> Result<()> {
        let key = self.key();
        match self.rng.below(100) {
            0..25 => self.put(&key, None).await.map(|_| ()),
            25..33 => self.put(&key, Some(None)).await.map(|_| ()),
            33..43 => {
                let seen = self.look(&key).await?;
                self.put(&key, Some(seen)).await.map(|_| ())
            }
            43..63 => self.add(&key).await,
            63..73 => self.delete(&key).await,
            73..83 => self.many(&key).await,
            83..89 => self.change_nothing(&key).await,
            89..91 => self.split().await,
            91..95 => self.look(&key).await.map(|_| ()),
            _ => self.move_clock().await,
        }
    }

    /// The first key is as likely as all others together.
    fn key(&self) -> String {
        match self.rng.below(2) {
            0 => "k0".to_owned(),
            _ => format!("k{}", self.rng.below(KEYS)),
        }
    }

    async fn look(&self, key: &str) -> Result<Option<i64>> {
        let before = self.world.moment();
        let mark = self.world.look(key).await?;
        self.world.saw(key.to_owned(), mark, before);
        Ok(mark)
    }

    fn attempt(&self, keys: &[&str], deed: Deed, expected_old: Option<Option<i64>>) -> i64 {
        self.world.ledger.attempt(Attempt {
            expected_old,
            durable_before: self.world.database.log().durable(),
            ..Attempt::new(keys, deed)
        })
    }

    fn item(&self, key: &str, mark: i64, value: i64) -> EncodedItem {
        let mut item = key_item(key);
        item.insert(MARK.to_owned(), number(mark));
        item.insert(VALUE.to_owned(), number(value));
        if self.rng.below(3) == 0 {
            let length = self.rng.below(1500) as usize;
            let letter = char::from(b'a' + self.rng.below(26) as u8);
            let padding = letter.to_string().repeat(length);
            item.insert("p".to_owned(), AttributeValue::S(padding));
        }
        EncodedItem::encode(&item)
    }

    /// Whether it was acknowledged.
    async fn put(&self, key: &str, expected_old: Option<Option<i64>>) -> Result<bool> {
        let value = self.rng.below(1000) as i64;
        let mark = self.attempt(&[key], Deed::Put(value), expected_old);
        let action = Action::Put(self.item(key, mark, value));
        let mut item = item_command(&self.world.main, key, action)?;
        item.condition = match expected_old {
            None => None,
            Some(None) => Some(condition("attribute_not_exists(pk)", &[])?),
            Some(Some(old)) => Some(condition("w = :old", &[(":old", old)])?),
        };
        item.return_item_on_failure = true;
        let outcome = self.send(mark, key, vec![item]).await?;
        let acknowledged = outcome.is_some();
        self.told(mark, outcome, |outcome| {
            ensure!(outcome.changed, "put {mark} was taken for the item before");
            Ok(None)
        })?;
        Ok(acknowledged)
    }

    async fn add(&self, key: &str) -> Result<()> {
        let by = self.rng.below(5) as i64 - 2;
        let mark = self.attempt(&[key], Deed::Add(by), None);
        let mut item = self.addition(key, mark, by)?;
        item.returns = ReturnValues::UpdatedNew;
        let outcome = self.send(mark, key, vec![item]).await?;
        self.told(mark, outcome, |outcome| {
            let new = outcome.attributes.as_ref().context("no new attributes")?;
            Ok(Some(number_of(new, VALUE)?))
        })
    }

    fn addition(&self, key: &str, mark: i64, by: i64) -> Result<ItemCommand> {
        let update = update("SET w = :w ADD v :v", &[(":w", mark), (":v", by)])?;
        let key_attributes = key_item(key);
        item_command(
            &self.world.main,
            key,
            Action::Update {
                update,
                key: key_attributes,
            },
        )
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let mark = self.attempt(&[key], Deed::Delete, None);
        let mut item = item_command(&self.world.main, key, Action::Delete)?;
        item.returns = ReturnValues::AllOld;
        let outcome = self.send(mark, key, vec![item]).await?;
        self.told(mark, outcome, |outcome| {
            outcome.attributes.as_ref().map(mark_of).transpose()
        })
    }

    /// Two items of the streamed table, and the one that counts such commands in the other table.
    async fn many(&self, key: &str) -> Result<()> {
        let others = ["m0", "m1", "m2"];
        let other = others[self.rng.below(3) as usize];
        let keys = if self.rng.below(2) == 0 {
            [key, other]
        } else {
            [other, key]
        };
        let by = 1 + self.rng.below(3) as i64;
        let mark = self.attempt(&keys, Deed::Add(by), None);
        let mut items = Vec::new();
        for key in keys {
            items.push(self.addition(key, mark, by)?);
        }
        let count = Action::Update {
            update: update("ADD v :one", &[(":one", 1)])?,
            key: key_item(TALLY_KEY),
        };
        items.push(item_command(&self.world.tally, TALLY_KEY, count)?);
        let token = RequestToken::new("", &format!("many {mark}"), mark as u128);
        let again = (items.clone(), token.clone());
        let outcome = self.send_once(mark, key, items, Some(token)).await?;
        if outcome.is_some() && self.rng.below(2) == 0 {
            self.send_again(mark, again.0, again.1).await?;
        }
        self.told(mark, outcome, |_| Ok(None))
    }

    /// Sends a transaction once more that was answered: nothing may come of it.
    async fn send_again(
        &self,
        mark: i64,
        items: Vec<ItemCommand>,
        token: RequestToken,
    ) -> Result<()> {
        let command = Command {
            items,
            identity: Identity::None,
        };
        let _writes = self.world.writes().await;
        match self.world.database.transact(command, Some(token)).await {
            Ok(transacted) if transacted.repeated => Ok(()),
            Ok(_) => {
                let text = format!("transaction {mark} was carried out twice");
                self.world.ledger.violation(text);
                Ok(())
            }
            Err(error) if self.world.is_end(&error) => {
                self.world.ledger.log_failed();
                Ok(())
            }
            Err(error) if is_no_room(&error) => {
                self.was_refused();
                Ok(())
            }
            Err(error) => Err(error).context(format!("transaction {mark}, again")),
        }
    }

    /// An update that leaves the item as it is.
    async fn change_nothing(&self, key: &str) -> Result<()> {
        let mark = self.attempt(&[key], Deed::Add(0), None);
        let action = Action::Update {
            update: update("SET v = v", &[])?,
            key: key_item(key),
        };
        let mut item = item_command(&self.world.main, key, action)?;
        item.condition = Some(condition("attribute_exists(pk)", &[])?);
        let outcome = self.send(mark, key, vec![item]).await?;
        if outcome.is_some_and(|outcome| outcome.changed) {
            let text = format!("attempt {mark} changed an item to what it was");
            self.world.ledger.violation(text);
        }
        Ok(())
    }

    async fn send(&self, mark: i64, key: &str, items: Vec<ItemCommand>) -> Result<Option<Outcome>> {
        self.send_once(mark, key, items, None).await
    }

    /// Sends a command. `None`: refused, or the log takes no more.
    async fn send_once(
        &self,
        mark: i64,
        key: &str,
        items: Vec<ItemCommand>,
        token: Option<RequestToken>,
    ) -> Result<Option<Outcome>> {
        let ledger = &self.world.ledger;
        let _writes = self.world.writes().await;
        let late = ledger.has_log_failed();
        let before = self.world.moment();
        let command = Command {
            items,
            identity: Identity::None,
        };
        match self.world.database.transact(command, token).await {
            Ok(transacted) => {
                let first = transacted
                    .outcomes
                    .into_iter()
                    .next()
                    .context("no outcome")?;
                let fate = match first.changed {
                    true => Fate::Acknowledged(None),
                    false => Fate::Nothing,
                };
                ledger.answered(mark, fate, late);
                Ok(Some(first))
            }
            Err(EngineError::Refused(refusals)) => {
                ledger.answered(mark, Fate::Nothing, late);
                if let Some(Some(Refusal::ConditionFailed {
                    item: Some(item), ..
                })) = refusals.first()
                {
                    self.world.saw(key.to_owned(), Some(mark_of(item)?), before);
                }
                Ok(None)
            }
            Err(error) if self.world.is_end(&error) => {
                ledger.log_failed();
                Ok(None)
            }
            Err(error) if is_no_room(&error) => {
                self.was_refused();
                Ok(None)
            }
            Err(error) => Err(error).context(format!("attempt {mark}")),
        }
    }

    /// Notes what an acknowledgement said.
    fn told(
        &self,
        mark: i64,
        outcome: Option<Outcome>,
        detail: impl FnOnce(&Outcome) -> Result<Option<i64>>,
    ) -> Result<()> {
        let Some(outcome) = outcome.filter(|outcome| outcome.changed) else {
            return Ok(());
        };
        let fate = Fate::Acknowledged(detail(&outcome)?);
        self.world.ledger.answered(mark, fate, false);
        Ok(())
    }

    async fn split(&self) -> Result<()> {
        let database = &self.world.database;
        let shards = database.shards_now(self.world.stream);
        let open: Vec<u32> = shards
            .iter()
            .filter(|shard| shard.end.is_none())
            .map(|shard| shard.number)
            .collect();
        if open.is_empty() || open.len() > OPEN_SHARDS_MAX {
            return Ok(());
        }
        let number = open[self.rng.below(open.len() as u64) as usize];
        match database.split_shard(self.world.stream, number, 2).await {
            Ok(_) | Err(EngineError::ShardNotOpen { .. }) => Ok(()),
            Err(error) if self.world.is_end(&error) => {
                self.world.ledger.log_failed();
                Ok(())
            }
            Err(error) if is_no_room(&error) => {
                self.was_refused();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Mostly a bit forward, sometimes far, sometimes back.
    async fn move_clock(&self) -> Result<()> {
        let clock = &self.world.clock;
        match self.rng.below(8) {
            0 => self.jump(self.rng.below(15_000)).await?,
            2..5 if self.world.archive.is_some() => self.jump(self.rng.below(15_000)).await?,
            1 => clock.set_ms(clock.now_ms() - self.rng.below(5_000)),
            _ => self.world.advance_ms(self.rng.below(20)),
        }
        Ok(())
    }

    /// Moves the clock far. What that may let go is read before, while nobody writes.
    async fn jump(&self, by_ms: u64) -> Result<()> {
        let world = &self.world;
        if let Some(archive) = &world.archive {
            let _nobody_writes = archive.writes.write().await;
            match read_all(world, &self.rng).await {
                Ok(_) => archive.advance_ms(by_ms),
                Err(error) if world.may_be_unreadable(&error) => {}
                Err(error) => return Err(error).context("reading all before the clock jumps"),
            }
        } else {
            world.advance_ms(by_ms);
        }
        Ok(())
    }
}
