//! Transactions on the engine and on the model: all of their items change or none, and a token makes one happen once.

use std::collections::BTreeSet;

use super::*;

/// Few, so that they are used again while they count and after that.
const TOKENS: u64 = 5;

/// The request that each token was used for, and when.
pub type Tokens = BTreeMap<u64, (u128, u64)>;

#[derive(Clone, Debug)]
enum Step {
    Put(i64),
    Add(i64),
    Delete,
    Check,
}

/// Steps on different items, each on the condition that the item is there, is not, or on none.
pub struct Transaction {
    steps: Vec<(String, Step, Option<bool>)>,
    token: Option<u64>,
    /// Stands for the request; of two, so that a token often comes with the same one.
    payload: u128,
}

impl Transaction {
    pub fn random(rng: &SeededRng) -> Self {
        let count = 1 + rng.below(4);
        let keys: BTreeSet<u64> = (0..count).map(|_| rng.below(KEYS)).collect();
        let step = || match rng.below(10) {
            0..=3 => Step::Put(rng.below(4) as i64),
            4..=6 => Step::Add(rng.below(3) as i64 - 1),
            7..=8 => Step::Delete,
            _ => Step::Check,
        };
        let steps = keys.iter().map(|key| {
            let is_there = match rng.below(6) {
                0 => Some(true),
                1 => Some(false),
                _ => None,
            };
            (format!("k{key}"), step(), is_there)
        });
        Transaction {
            steps: steps.collect(),
            token: (rng.below(3) == 0).then(|| rng.below(TOKENS)),
            payload: u128::from(rng.below(2)),
        }
    }

    /// Carries it out on both, and compares what they say.
    pub async fn check(
        &self,
        database: &Database,
        table: &Arc<Table>,
        clock: &ManualClock,
        model: &mut Model,
        tokens: &mut Tokens,
    ) {
        // The log's own time: it does not go back with the clock.
        let now_ms = clock.now_ms().max(database.log().appended().ms());
        let used = self.token.and_then(|token| tokens.get(&token).copied());
        let used = used.filter(|(_, at_ms)| now_ms - at_ms < TRANSACTION_TOKEN_AGE_MS_MAX);
        let token = self
            .token
            .map(|token| RequestToken::new("", &token.to_string(), self.payload));
        let answer = database.transact(self.command(table), token).await;
        match used {
            Some((payload, _)) if payload == self.payload => {
                assert!(answer.unwrap().repeated);
                return;
            }
            Some(_) => {
                assert!(matches!(answer, Err(EngineError::TokenMismatch)));
                return;
            }
            None => {}
        }
        let fails: Vec<bool> = self.steps.iter().map(|step| fails(step, model)).collect();
        if fails.contains(&true) {
            let Err(EngineError::Refused(refusals)) = answer else {
                panic!("{answer:?}");
            };
            let refused: Vec<bool> = refusals.iter().map(Option::is_some).collect();
            assert_eq!(refused, fails);
            return;
        }
        let transacted = answer.unwrap();
        assert!(!transacted.repeated);
        for ((key, step, _), outcome) in self.steps.iter().zip(&transacted.outcomes) {
            let before = model.get(key).copied();
            apply(key, step, model);
            let after = model.get(key).copied();
            assert_eq!(outcome.changed, before != after);
            assert_eq!(outcome.new_size_bytes > 0, after.is_some());
        }
        if let Some(token) = self.token {
            tokens.insert(token, (self.payload, now_ms));
        }
    }

    fn command(&self, table: &Arc<Table>) -> headwater_engine::Command {
        let items = self.steps.iter().map(|(key, step, is_there)| {
            let action = match step {
                Step::Put(value) => Action::Put(EncodedItem::encode(&item(key, Some(*value)))),
                Step::Add(by) => Action::Update {
                    update: add(*by),
                    key: item(key, None),
                },
                Step::Delete => Action::Delete,
                Step::Check => Action::Check,
            };
            let mut command = command(table, key, action);
            command.items[0].condition = is_there.map(|is_there| match is_there {
                true => parse_condition("attribute_exists(pk)"),
                false => parse_condition("attribute_not_exists(pk)"),
            });
            command.items.remove(0)
        });
        headwater_engine::Command {
            items: items.collect(),
            identity: headwater_changelog::Identity::None,
        }
    }
}

fn fails((key, _, is_there): &(String, Step, Option<bool>), model: &Model) -> bool {
    is_there.is_some_and(|is_there| is_there != model.contains_key(key))
}

fn apply(key: &str, step: &Step, model: &mut Model) {
    match step {
        Step::Put(value) => {
            model.insert(key.to_owned(), *value);
        }
        Step::Add(by) => *model.entry(key.to_owned()).or_insert(0) += by,
        Step::Delete => {
            model.remove(key);
        }
        Step::Check => {}
    }
}
