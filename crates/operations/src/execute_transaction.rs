//! ExecuteTransaction: up to 100 statements, each about one item, that happen together or not at all; or that read items
//! as they are at one moment.

use std::sync::Arc;

use headwater_engine::{Command, EngineError, Identity, ItemCommand, Refusal, RequestToken, Table};
use headwater_expression::partiql::{PartiqlError, Statement};
use headwater_model::{EncodedItem, capacity};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ExecuteTransactionInput, ExecuteTransactionOutput, ItemResponse, ParameterizedStatement,
    ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use headwater_wire::messages::statements;

use crate::answer_room::AnswerRoom;
use crate::api::{Api, RequestContext};
use crate::capacity::Used;
use crate::capacity_by_table::{CapacityByTable, UnitKind};
use crate::partiql::{self, StatementFault, StatementRead, StatementWrite, parse, refused};
use crate::request_digest::RequestDigest;
use crate::transaction::{
    self, ActionFault, all_or_reasons, consumed_by, of_transaction, reason, refuse_duplicates,
    refuse_too_large, refuse_without_room,
};

pub(crate) async fn execute_transaction(
    api: &Api,
    input: ExecuteTransactionInput,
    context: &RequestContext,
) -> Result<ExecuteTransactionOutput, ApiError> {
    let mut digest = RequestDigest::default();
    digest.text("ExecuteTransaction");
    let mut parsed = Vec::with_capacity(input.transact_statements.len());
    for (place, member) in input.transact_statements.into_iter().enumerate() {
        parsed.push(Member::new(place, member, &mut digest)?);
    }
    let is_read = |member: &Member| matches!(member.statement, Statement::Select(_));
    let reads = parsed.iter().filter(|member| is_read(member)).count();
    let wanted = input.return_consumed_capacity;
    if reads == parsed.len() {
        return read(api, parsed, wanted, context).await;
    }
    if reads > 0 {
        return Err(statements::mixed_transaction());
    }
    let token = input
        .client_request_token
        .map(|token| RequestToken::new(&context.namespace, &token, digest.finish()));
    write(api, parsed, wanted, token, context).await
}

/// A statement of the transaction.
struct Member {
    place: usize,
    statement: Statement,
    return_item_on_failure: bool,
}

impl Member {
    fn new(
        place: usize,
        member: ParameterizedStatement,
        digest: &mut RequestDigest,
    ) -> Result<Self, ApiError> {
        partiql::digest(digest, &member.statement, member.parameters.as_deref());
        let wanted = Some(ReturnValuesOnConditionCheckFailure::AllOld);
        let return_item_on_failure = member.return_values_on_condition_check_failure == wanted;
        digest.flag(return_item_on_failure);
        let statement = parse(&member.statement, member.parameters);
        let statement = statement.map_err(|error| match error {
            PartiqlError::UnsupportedOperation { .. } => refused(error),
            PartiqlError::ConditionAlone => statements::not_of_a_transaction(),
            error => statements::in_transaction(place, refused(error)),
        })?;
        Ok(Member {
            place,
            statement,
            return_item_on_failure,
        })
    }
}

async fn read(
    api: &Api,
    members: Vec<Member>,
    wanted: Option<ReturnConsumedCapacity>,
    context: &RequestContext,
) -> Result<ExecuteTransactionOutput, ApiError> {
    let names = names(&members);
    let tables = tables(api, &names, context)?;
    let reads = members.into_iter().zip(&tables).map(|(member, table)| {
        let read = read_of(
            member.statement,
            table.clone(),
            statements::transacted_read_of_several,
        );
        read.and_then(|read| match read.has_condition() {
            true => Err(StatementFault::Statement(
                statements::transacted_read_of_several(),
            )),
            false => Ok(read),
        })
        .map_err(|fault| in_transaction(member.place, fault))
    });
    let reads = all_or_reasons(reads)?;
    refuse_duplicates(reads.iter().map(|read| (read.table().as_ref(), read.key())))?;
    let keys: Vec<_> = reads
        .iter()
        .map(|read| (read.table().clone(), read.key().clone()))
        .collect();
    api.admit_reads(&keys)?;
    let items = api.database.get_together(&keys).await;
    let items = items.map_err(of_transaction)?;
    let size = |item: &Option<EncodedItem>| item.as_ref().map_or(0, EncodedItem::size_bytes);
    refuse_too_large(items.iter().map(size).sum())?;
    let mut consumed = CapacityByTable::new(wanted, UnitKind::TransactedRead);
    let mut responses = Vec::with_capacity(items.len());
    let mut room = AnswerRoom::new();
    for ((item, read), name) in items.into_iter().zip(&reads).zip(&names) {
        let units = capacity::read_units(size(&item), true);
        api.database.charge_read(read.table(), None, 2.0 * units);
        consumed.add(name, &Used::of_table(units));
        let item = item.map(|item| read.shown(item)).transpose()?;
        refuse_without_room(&mut room, item.as_ref())?;
        responses.push(ItemResponse { item });
    }
    Ok(ExecuteTransactionOutput {
        responses,
        consumed_capacity: consumed.reply(),
    })
}

async fn write(
    api: &Api,
    members: Vec<Member>,
    wanted: Option<ReturnConsumedCapacity>,
    token: Option<RequestToken>,
    context: &RequestContext,
) -> Result<ExecuteTransactionOutput, ApiError> {
    let names = names(&members);
    let tables = tables(api, &names, context)?;
    let writes = members.into_iter().zip(&tables).map(|(member, table)| {
        let place = member.place;
        Write::new(member, table.clone()).map_err(|fault| in_transaction(place, fault))
    });
    let writes = all_or_reasons(writes)?;
    let keys = writes
        .iter()
        .map(|write| (write.command.table.as_ref(), &write.command.key));
    refuse_duplicates(keys)?;
    refuse_too_large(writes.iter().map(|write| write.size_bytes).sum())?;
    let inserts: Vec<bool> = writes.iter().map(|write| write.inserts).collect();
    let command = Command {
        items: writes.into_iter().map(|write| write.command).collect(),
        identity: Identity::None,
    };
    let transacted = api.database.transact(command, token).await;
    let transacted = transacted.map_err(|error| cancelled(error, &inserts))?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(ExecuteTransactionOutput {
        responses: Vec::new(),
        consumed_capacity: consumed_by(&transacted, &names, wanted).reply(),
    })
}

fn names(members: &[Member]) -> Vec<String> {
    let names = members.iter().map(|member| member.statement.table());
    names.map(str::to_owned).collect()
}

/// The tables of all statements. Each has to be there.
fn tables(
    api: &Api,
    names: &[String],
    context: &RequestContext,
) -> Result<Vec<Arc<Table>>, ApiError> {
    names
        .iter()
        .map(|name| api.table_of(name, context))
        .collect()
}

/// What a faulty statement means for the transaction.
fn in_transaction(place: usize, fault: StatementFault) -> ActionFault {
    match fault {
        StatementFault::Statement(error) => {
            ActionFault::Request(statements::in_transaction(place, error))
        }
        StatementFault::Action(fault) => fault,
    }
}

fn read_of(
    statement: Statement,
    table: Arc<Table>,
    not_one: fn() -> ApiError,
) -> Result<StatementRead, StatementFault> {
    match statement {
        Statement::Select(select) | Statement::Exists(select) => {
            if select.source.index.is_some() {
                let error = statements::transacted_read_of_index();
                return Err(StatementFault::Statement(error));
            }
            StatementRead::new(select, table, not_one)
        }
        // Only reads come here.
        Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
            Err(StatementFault::Statement(not_one()))
        }
    }
}

/// A write or check, ready to be carried out with others.
struct Write {
    command: ItemCommand,
    inserts: bool,
    size_bytes: usize,
}

impl Write {
    fn new(member: Member, table: Arc<Table>) -> Result<Self, StatementFault> {
        let write = match member.statement {
            Statement::Insert(insert) => StatementWrite::insert(insert, table)?,
            Statement::Update(update) => StatementWrite::update(update, table)?,
            Statement::Delete(delete) => StatementWrite::delete(delete, table)?,
            statement @ (Statement::Select(_) | Statement::Exists(_)) => {
                let read = read_of(statement, table, statements::exists_without_condition)?;
                if !read.has_condition() {
                    let error = statements::exists_without_condition();
                    return Err(StatementFault::Statement(error));
                }
                return Ok(Write {
                    command: read.into_check(member.return_item_on_failure),
                    inserts: false,
                    size_bytes: 0,
                });
            }
        };
        if write.returns() {
            let error = statements::returning_in_transaction();
            return Err(StatementFault::Statement(error));
        }
        Ok(Write {
            inserts: write.inserts(),
            size_bytes: write.size_bytes(),
            command: write.into_command(member.return_item_on_failure),
        })
    }
}

/// The transaction was refused: an INSERT fails for a reason of its own.
fn cancelled(error: EngineError, inserts: &[bool]) -> ApiError {
    let EngineError::Refused(refusals) = error else {
        return of_transaction(error);
    };
    let reasons = refusals.into_iter().zip(inserts);
    let reasons = reasons.map(|(refusal, inserts)| match refusal {
        Some(Refusal::ConditionFailed { .. }) if *inserts => statements::reason_duplicate_item(),
        refusal => reason(refusal),
    });
    transaction::cancelled(reasons)
}
