//! Takes the steps of a plan, over HTTP. A step that fails is shown with the server's error; those that don't need
//! it go on.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{anyhow, bail};
use hyper::Method;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::desired::{Function, Mapping, Table};
use super::late::{self, Streams};
use super::look::{
    self, CREATE_FUNCTION, CREATE_MAPPING, concurrency_path, function_path, mapping_path,
};
use super::plan::{
    Action, CODE, Change, INDEXES, Item, Plan, RECOVERY, RESERVED, STREAM, TIME_TO_LIVE, changed,
};
use crate::client::{Client, ClientError};
use crate::stdout::{self, Lines};

/// How long a table, a function or a mapping may take to become what was asked for.
const SETTLE_MAX: Duration = Duration::from_secs(120);
const SETTLE_PAUSE: Duration = Duration::from_millis(50);
/// Tags of tables and functions that tell of which template they come.
const STACK_TAG: &str = "headwater:stack";
const LOGICAL_TAG: &str = "headwater:logical-id";

/// What came of a plan.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) created: usize,
    pub(super) updated: usize,
    pub(super) unchanged: usize,
    pub(super) failed: usize,
}

/// Takes the steps, and writes a line of each; `streams` are those that are there already.
pub(super) async fn run(
    client: &Client,
    plan: &Plan<'_>,
    stack: &str,
    streams: Streams,
    lines: &mut Lines,
) -> Outcome {
    let mut runner = Runner {
        client,
        stack,
        streams,
        failed: BTreeSet::new(),
    };
    let mut outcome = Outcome::default();
    for step in &plan.steps {
        let (count, done) = match &step.action {
            Action::Nothing | Action::Refuse(_) => {
                outcome.unchanged += 1;
                continue;
            }
            Action::Create => (&mut outcome.created, "created"),
            Action::Update(_) => (&mut outcome.updated, "updated"),
        };
        match runner.step(step.item, &step.action).await {
            Ok(()) => {
                *count += 1;
                lines.write(&format!("{done} {}", step.item));
            }
            Err(error) => {
                outcome.failed += 1;
                stdout::note(&format!("FAILED {}: {error:#}", step.item));
            }
        }
    }
    outcome
}

struct Runner<'c> {
    client: &'c Client,
    stack: &'c str,
    streams: Streams,
    /// Names of functions that could not be created.
    failed: BTreeSet<String>,
}

impl Runner<'_> {
    async fn step(&mut self, item: Item<'_>, action: &Action) -> anyhow::Result<()> {
        let changes = match action {
            Action::Update(changes) => Some(changes.as_slice()),
            _ => None,
        };
        match (item, changes) {
            (Item::Table(table), None) => self.create_table(table).await,
            (Item::Table(table), Some(changes)) => self.update_table(table, changes).await,
            (Item::Function(function), None) => {
                let created = self.create_function(function).await;
                if created.is_err() {
                    self.failed.insert(function.name.clone());
                }
                created
            }
            (Item::Function(function), Some(changes)) => {
                self.update_function(function, changes).await
            }
            (Item::Mapping(_, Some(there)), Some(changes)) => {
                let uuid = there["UUID"].as_str().unwrap_or_default();
                self.update_mapping(uuid, changes).await
            }
            (Item::Mapping(mapping, _), _) => self.create_mapping(mapping).await,
        }
    }

    async fn create_table(&mut self, table: &Table) -> anyhow::Result<()> {
        let mut input = table.settings.clone();
        input.insert("TableName".to_owned(), json!(table.name));
        let mut tags = table.tags.clone();
        tags.push(json!({"Key": STACK_TAG, "Value": self.stack}));
        tags.push(json!({"Key": LOGICAL_TAG, "Value": table.logical}));
        input.insert("Tags".to_owned(), json!(tags));
        self.client
            .dynamodb("CreateTable", &Value::Object(input))
            .await?;
        self.table_settled(table).await?;
        if let Some(attribute) = &table.time_to_live {
            self.change_time_to_live(table, attribute, true).await?;
        }
        match table.recovery {
            Some(_) => self.change_recovery(table).await,
            None => Ok(()),
        }
    }

    /// How the table is paid for in one request, and each other change in one of its own, as the API wants it.
    async fn update_table(&mut self, table: &Table, changes: &[Change]) -> anyhow::Result<()> {
        const TOGETHER: [&str; 3] = ["BillingMode", "ProvisionedThroughput", "OnDemandThroughput"];
        let (together, alone): (Vec<&Change>, Vec<&Change>) = changes
            .iter()
            .partition(|change| TOGETHER.contains(&change.property));
        let member = |change: &Change| (change.property.to_owned(), change.new.clone());
        if !together.is_empty() {
            let members = together.into_iter().map(member).collect();
            self.change_table(table, members).await?;
        }
        for change in alone {
            match change.property {
                STREAM => self.change_stream(table, change).await?,
                INDEXES => self.change_indexes(table, change).await?,
                TIME_TO_LIVE => {
                    if let Some(attribute) = change.old.as_str() {
                        self.change_time_to_live(table, attribute, false).await?;
                    }
                    if let Some(attribute) = change.new.as_str() {
                        self.change_time_to_live(table, attribute, true).await?;
                    }
                }
                RECOVERY => self.change_recovery(table).await?,
                _ => {
                    let members = Map::from_iter([member(change)]);
                    self.change_table(table, members).await?;
                }
            }
        }
        Ok(())
    }

    async fn change_stream(&mut self, table: &Table, change: &Change) -> anyhow::Result<()> {
        let specification = match change.new.as_str() {
            Some(view) => json!({"StreamEnabled": true, "StreamViewType": view}),
            None => json!({"StreamEnabled": false}),
        };
        let members = Map::from_iter([(STREAM.to_owned(), specification)]);
        self.change_table(table, members).await
    }

    /// One index at a time: those that are not wanted any more first.
    async fn change_indexes(&mut self, table: &Table, change: &Change) -> anyhow::Result<()> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (old, new) = (list(&change.old), list(&change.new));
        for gone in old.iter().filter(|name| !new.contains(name)) {
            let update = json!([{"Delete": {"IndexName": gone}}]);
            self.change_index(table, update).await?;
        }
        let wanted = list(table.settings.get(INDEXES).unwrap_or(&Value::Null));
        for index in wanted
            .into_iter()
            .filter(|one| !old.contains(&one["IndexName"]))
        {
            self.change_index(table, json!([{"Create": index}])).await?;
        }
        Ok(())
    }

    async fn change_index(&mut self, table: &Table, update: Value) -> anyhow::Result<()> {
        const DEFINITIONS: &str = "AttributeDefinitions";
        let mut members = Map::new();
        if let Some(definitions) = table.settings.get(DEFINITIONS) {
            members.insert(DEFINITIONS.to_owned(), definitions.clone());
        }
        members.insert("GlobalSecondaryIndexUpdates".to_owned(), update);
        self.change_table(table, members).await
    }

    async fn change_time_to_live(
        &self,
        table: &Table,
        attribute: &str,
        enabled: bool,
    ) -> anyhow::Result<()> {
        let input = json!({
            "TableName": table.name,
            "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled},
        });
        self.client.dynamodb("UpdateTimeToLive", &input).await?;
        Ok(())
    }

    async fn change_recovery(&self, table: &Table) -> anyhow::Result<()> {
        let specification = match &table.recovery {
            Some(days) => {
                json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": days})
            }
            None => json!({"PointInTimeRecoveryEnabled": false}),
        };
        let input = json!({
            "TableName": table.name,
            "PointInTimeRecoverySpecification": specification,
        });
        let operation = "UpdateContinuousBackups";
        self.client.dynamodb(operation, &input).await?;
        Ok(())
    }

    async fn change_table(
        &mut self,
        table: &Table,
        mut input: Map<String, Value>,
    ) -> anyhow::Result<()> {
        input.insert("TableName".to_owned(), json!(table.name));
        self.client
            .dynamodb("UpdateTable", &Value::Object(input))
            .await?;
        self.table_settled(table).await
    }

    /// Waits until a table can be used, and remembers its stream.
    async fn table_settled(&mut self, table: &Table) -> anyhow::Result<()> {
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            let there = look::table(self.client, &table.name)
                .await?
                .unwrap_or_default();
            let indexes = there[INDEXES].as_array().cloned().unwrap_or_default();
            let mut indexes = indexes.iter();
            if there["TableStatus"] == "ACTIVE"
                && indexes.all(|index| index["IndexStatus"] == "ACTIVE")
            {
                if let (Some(_), Some(arn)) =
                    (table.stream_view(), there["LatestStreamArn"].as_str())
                {
                    self.streams.insert(table.logical.clone(), arn.to_owned());
                }
                return Ok(());
            }
            pause(deadline, "the table").await?;
        }
    }

    async fn create_function(&self, function: &Function) -> anyhow::Result<()> {
        let mut input = function.settings.clone();
        late::fill_members(&mut input, &self.streams);
        self.refuse_marks(&Value::Object(input.clone()))?;
        let mut tags = function.tags.clone();
        tags.insert(STACK_TAG.to_owned(), json!(self.stack));
        tags.insert(LOGICAL_TAG.to_owned(), json!(function.logical));
        input.insert("FunctionName".to_owned(), json!(function.name));
        input.insert("Tags".to_owned(), json!(tags));
        input.insert(CODE.to_owned(), function.code.member());
        self.lambda(Method::POST, CREATE_FUNCTION, input).await?;
        self.function_settled(&function.name).await?;
        match function.reserved {
            Some(_) => self.reserve(function).await,
            None => Ok(()),
        }
    }

    async fn reserve(&self, function: &Function) -> anyhow::Result<()> {
        let path = concurrency_path(&function.name);
        match &function.reserved {
            Some(count) => {
                let input = Map::from_iter([(RESERVED.to_owned(), count.clone())]);
                self.lambda(Method::PUT, &path, input).await?;
            }
            None => {
                self.client.lambda(Method::DELETE, &path, None).await?;
            }
        }
        Ok(())
    }

    async fn update_function(&self, function: &Function, changes: &[Change]) -> anyhow::Result<()> {
        let path = function_path(&function.name);
        let mut configuration = changed(changes);
        late::fill_members(&mut configuration, &self.streams);
        self.refuse_marks(&Value::Object(configuration.clone()))?;
        // Both belong to the code in the API.
        let has_code = configuration.remove(CODE).is_some();
        let architectures = configuration.remove("Architectures");
        if configuration.remove(RESERVED).is_some() {
            self.reserve(function).await?;
        }
        if has_code || architectures.is_some() {
            let mut input = match function.code.member() {
                Value::Object(code) => code,
                _ => Map::new(),
            };
            input.extend(architectures.map(|value| ("Architectures".to_owned(), value)));
            self.lambda(Method::PUT, &format!("{path}/code"), input)
                .await?;
            self.function_settled(&function.name).await?;
        }
        if !configuration.is_empty() {
            let path = format!("{path}/configuration");
            self.lambda(Method::PUT, &path, configuration).await?;
            self.function_settled(&function.name).await?;
        }
        Ok(())
    }

    async fn function_settled(&self, name: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            let path = function_path(name);
            let answer = self.client.lambda(Method::GET, &path, None).await?;
            let configuration = &answer["Configuration"];
            let state = configuration["State"].as_str().unwrap_or("Active");
            let is_changing = configuration["LastUpdateStatus"] == "InProgress";
            match state {
                "Failed" => bail!("{}", configuration["StateReason"]),
                "Pending" => {}
                _ if !is_changing => return Ok(()),
                _ => {}
            }
            pause(deadline, "the function").await?;
        }
    }

    async fn create_mapping(&self, mapping: &Mapping) -> anyhow::Result<()> {
        if self.failed.contains(&mapping.function) {
            bail!("its function could not be created");
        }
        let source = late::filled(&mapping.source, &self.streams);
        self.refuse_marks(&json!(source))?;
        let mut input = mapping.settings.clone();
        late::fill_members(&mut input, &self.streams);
        input.insert("EventSourceArn".to_owned(), json!(source));
        input.insert("FunctionName".to_owned(), json!(mapping.function));
        let made = self.lambda(Method::POST, CREATE_MAPPING, input).await?;
        self.mapping_settled(made["UUID"].as_str().unwrap_or_default())
            .await
    }

    async fn update_mapping(&self, uuid: &str, changes: &[Change]) -> anyhow::Result<()> {
        self.lambda(Method::PUT, &mapping_path(uuid), changed(changes))
            .await?;
        self.mapping_settled(uuid).await
    }

    async fn mapping_settled(&self, uuid: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            let path = mapping_path(uuid);
            let there = self.client.lambda(Method::GET, &path, None).await?;
            if matches!(there["State"].as_str(), Some("Enabled" | "Disabled")) {
                return Ok(());
            }
            pause(deadline, "the mapping").await?;
        }
    }

    async fn lambda(
        &self,
        method: Method,
        path: &str,
        input: Map<String, Value>,
    ) -> Result<Value, ClientError> {
        let input = Value::Object(input);
        self.client.lambda(method, path, Some(&input)).await
    }

    /// A mark that is left means that the table was not made.
    fn refuse_marks(&self, value: &Value) -> anyhow::Result<()> {
        match first_mark(value) {
            None => Ok(()),
            Some(table) => Err(anyhow!(
                "it needs the stream of {table}, which is not there"
            )),
        }
    }
}

fn first_mark(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => late::tables(text).next(),
        Value::Array(items) => items.iter().find_map(first_mark),
        Value::Object(members) => members.values().find_map(first_mark),
        _ => None,
    }
}

async fn pause(deadline: Instant, what: &str) -> anyhow::Result<()> {
    if Instant::now() > deadline {
        bail!(
            "{what} did not become usable within {} s",
            SETTLE_MAX.as_secs()
        );
    }
    tokio::time::sleep(SETTLE_PAUSE).await;
    Ok(())
}
