//! BatchExecuteStatement: up to 25 statements, each about one item, that happen or fail by themselves.

use std::collections::{BTreeMap, HashSet, VecDeque};

use headwater_engine::{Outcome, ReadOf, Table};
use headwater_expression::partiql::{PartiqlError, Statement};
use headwater_model::{EncodedItem, StorageKey, capacity};
use headwater_wire::dynamodb::{
    BatchExecuteStatementInput, BatchExecuteStatementOutput, BatchStatementError,
    BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse,
    ReturnValuesOnConditionCheckFailure,
};
use headwater_wire::messages::{batches, statements};
use headwater_wire::{ApiError, ErrorDetail, ErrorKind};
use tokio::task::JoinSet;

use crate::answer_room::AnswerRoom;
use crate::api::{Api, RequestContext};
use crate::capacity::Used;
use crate::capacity_by_table::{CapacityByTable, UnitKind};
use crate::failure::{internal, of_items};
use crate::partiql::{StatementFault, StatementRead, StatementWrite, parse, refused, returned};

pub(crate) async fn batch_execute_statement(
    api: &Api,
    (input, mut faults): (BatchExecuteStatementInput, BTreeMap<usize, ApiError>),
    context: &RequestContext,
) -> Result<BatchExecuteStatementOutput, ApiError> {
    let consistent: Vec<bool> = input
        .statements
        .iter()
        .map(|statement| statement.consistent_read == Some(true))
        .collect();
    let wanted = Some(ReturnValuesOnConditionCheckFailure::AllOld);
    let returns_old: Vec<bool> = input
        .statements
        .iter()
        .map(|statement| statement.return_values_on_condition_check_failure == wanted)
        .collect();
    let members = input.statements.into_iter().enumerate();
    let parsed: Vec<_> = members
        .map(|(place, member)| member_of(member, faults.remove(&place)))
        .collect();
    refuse_mixed(&parsed)?;
    let prepared: Vec<_> = parsed
        .into_iter()
        .map(|statement| Prepared::new(api, statement?, context))
        .collect();
    refuse_duplicates(&prepared)?;
    let mut answer = Answer {
        responses: vec![BatchStatementResponse::default(); prepared.len()],
        capacity: CapacityByTable::new(input.return_consumed_capacity, UnitKind::Batch),
        room: AnswerRoom::new(),
    };
    // Each write waits for the disk; together they wait once.
    let mut writes = JoinSet::new();
    let carried_out = |place: usize, name: String, write: StatementWrite| {
        let (api, returns_old) = (api.clone(), returns_old[place]);
        async move {
            let outcome = write.carry_out(&api, returns_old).await;
            (place, name, outcome)
        }
    };
    let mut reserved = BTreeMap::new();
    let mut returning = VecDeque::new();
    for (place, prepared) in prepared.into_iter().enumerate() {
        match prepared {
            Err(error) => answer.refuse(place, None, error)?,
            Ok(Prepared::Read(name, read)) => {
                let read = answer.read(api, place, name, &read, consistent[place]);
                read.await?;
            }
            Ok(Prepared::Write(name, write)) if write.returns() => {
                let size_bytes_max = write.returned_size_max(api).await;
                returning.push_back((place, name, write, size_bytes_max));
            }
            Ok(Prepared::Write(name, write)) => {
                writes.spawn(carried_out(place, name, write));
            }
        }
    }
    loop {
        // What was written has to be told, so there is room for it before it is.
        while let Some((place, name, write, size_bytes_max)) = returning.pop_front() {
            let Some(room) = answer.room.reserve(size_bytes_max) else {
                returning.push_front((place, name, write, size_bytes_max));
                break;
            };
            reserved.insert(place, room);
            writes.spawn(carried_out(place, name, write));
        }
        let Some(written) = writes.join_next().await else {
            break;
        };
        let (place, name, outcome) = written.map_err(internal)?;
        if let Some(room) = reserved.remove(&place) {
            answer.room.release(room);
        }
        answer.written(place, name, outcome)?;
    }
    for (place, name, ..) in returning {
        answer.refuse(place, Some(name), statements::answer_is_full())?;
    }
    answer.wait_for_catalog(api).await;
    Ok(BatchExecuteStatementOutput {
        responses: answer.responses,
        consumed_capacity: answer.capacity.reply(),
    })
}

fn member_of(
    member: BatchStatementRequest,
    fault: Option<ApiError>,
) -> Result<Statement, ApiError> {
    if let Some(fault) = fault {
        return Err(fault);
    }
    parse(&member.statement, member.parameters).map_err(|error| match error {
        PartiqlError::UnsupportedOperation { .. } => statements::not_of_a_batch(),
        error => refused(error),
    })
}

/// Reads and writes do not go together. What is no statement is neither.
fn refuse_mixed(parsed: &[Result<Statement, ApiError>]) -> Result<(), ApiError> {
    let is_read = |statement: &Statement| matches!(statement, Statement::Select(_));
    let reads = parsed.iter().flatten().filter(|one| is_read(one)).count();
    match reads {
        0 => Ok(()),
        reads if reads == parsed.iter().flatten().count() => Ok(()),
        _ => Err(statements::mixed_batch()),
    }
}

fn refuse_duplicates(prepared: &[Result<Prepared, ApiError>]) -> Result<(), ApiError> {
    let mut seen = HashSet::new();
    for prepared in prepared.iter().flatten() {
        let (table, key) = prepared.item();
        if !seen.insert((table.id(), key)) {
            return Err(batches::duplicate_keys());
        }
    }
    Ok(())
}

/// A statement whose table and item are known, with the table's name.
enum Prepared {
    Read(String, StatementRead),
    Write(String, StatementWrite),
}

impl Prepared {
    fn new(api: &Api, statement: Statement, context: &RequestContext) -> Result<Self, ApiError> {
        let name = statement.table().to_owned();
        let table = || api.table_of(&name, context);
        let write = match statement {
            Statement::Select(select) => {
                if select.source.index.is_some() {
                    return Err(statements::batch_read_of_several());
                }
                let read = StatementRead::new(select, table()?, statements::batch_read_of_several);
                let read = read.map_err(StatementFault::into_error)?;
                return match read.has_condition() {
                    true => Err(statements::batch_read_of_several()),
                    false => Ok(Prepared::Read(name, read)),
                };
            }
            Statement::Exists(_) => return Err(refused(PartiqlError::ConditionAlone)),
            Statement::Insert(insert) => StatementWrite::insert(insert, table()?),
            Statement::Update(update) => StatementWrite::update(update, table()?),
            Statement::Delete(delete) => StatementWrite::delete(delete, table()?),
        };
        let write = write.map_err(StatementFault::into_error)?;
        Ok(Prepared::Write(name, write))
    }

    fn item(&self) -> (&Table, &StorageKey) {
        match self {
            Prepared::Read(_, read) => (read.table(), read.key()),
            Prepared::Write(_, write) => (write.table(), write.key()),
        }
    }
}

/// The answer while it grows.
struct Answer {
    responses: Vec<BatchStatementResponse>,
    capacity: CapacityByTable,
    room: AnswerRoom,
}

impl Answer {
    /// A statement failed; the table is named if it was carried out so far. The item of a failure that there is no room
    /// for is left out.
    fn refuse(
        &mut self,
        place: usize,
        name: Option<String>,
        error: ApiError,
    ) -> Result<(), ApiError> {
        let item = match error.detail.map(|detail| *detail) {
            Some(ErrorDetail::Item(item)) => Some(item),
            _ => None,
        };
        let item = match item {
            Some(item) if self.room.take(&item).map_err(internal)? => Some(item),
            _ => None,
        };
        self.responses[place] = BatchStatementResponse {
            error: Some(BatchStatementError {
                code: Some(code_of(error.kind)),
                message: Some(error.message),
                item,
            }),
            table_name: name,
            item: None,
        };
        Ok(())
    }

    fn errors(&self) -> impl Iterator<Item = &BatchStatementError> {
        self.responses.iter().flat_map(|one| &one.error)
    }

    /// Waits for what refusals may tell of the catalog; if it does not become durable, they tell that.
    async fn wait_for_catalog(&mut self, api: &Api) {
        use BatchStatementErrorCodeEnum as Code;
        let tells = |error: &BatchStatementError| {
            let code = error.code.as_ref();
            matches!(code, Some(Code::ResourceNotFound | Code::ValidationError))
        };
        if !self.errors().any(tells) {
            return;
        }
        let Err(failure) = api.catalog_is_durable().await else {
            return;
        };
        let errors = self.responses.iter_mut().flat_map(|one| &mut one.error);
        for error in errors.filter(|error| tells(error)) {
            error.code = Some(code_of(failure.kind));
            error.message = Some(failure.message.clone());
        }
    }

    async fn read(
        &mut self,
        api: &Api,
        place: usize,
        name: String,
        read: &StatementRead,
        consistent: bool,
    ) -> Result<(), ApiError> {
        let admitted = api.admit_read(read.table(), None, ReadOf::Item(read.key()));
        let item = match admitted {
            Ok(()) => {
                let item = api.database.get(read.table(), read.key());
                item.await.map_err(of_items)
            }
            Err(error) => Err(error),
        };
        let item = match item {
            Ok(item) => item,
            Err(error) => return self.refuse(place, Some(name), error),
        };
        let size_bytes = item.as_ref().map_or(0, EncodedItem::size_bytes);
        let units = capacity::read_units(size_bytes, consistent);
        api.database.charge_read(read.table(), None, units);
        self.capacity.add(&name, &Used::of_table(units));
        let item = match item.map(|item| read.shown(item)).transpose() {
            Ok(item) => item,
            Err(error) => return self.refuse(place, Some(name), error),
        };
        match item.as_ref().map(|item| self.room.take(item)).transpose() {
            Ok(Some(false)) => self.refuse(place, Some(name), statements::answer_is_full()),
            Ok(_) => {
                self.accept(place, name, item);
                Ok(())
            }
            Err(error) => Err(internal(error)),
        }
    }

    fn written(
        &mut self,
        place: usize,
        name: String,
        outcome: Result<Outcome, ApiError>,
    ) -> Result<(), ApiError> {
        let mut outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return self.refuse(place, Some(name), error),
        };
        self.capacity.add(&name, &Used::of_write(&outcome));
        let item = returned(&mut outcome);
        if let Some(item) = &item {
            // It fits, unless others have made it larger meanwhile.
            self.room.take_anyway(item).map_err(internal)?;
        }
        self.accept(place, name, item);
        Ok(())
    }

    fn accept(&mut self, place: usize, name: String, item: Option<EncodedItem>) {
        self.responses[place] = BatchStatementResponse {
            error: None,
            table_name: Some(name),
            item,
        };
    }
}

/// Errors of statements have names of their own.
fn code_of(kind: ErrorKind) -> BatchStatementErrorCodeEnum {
    use BatchStatementErrorCodeEnum as Code;
    match kind {
        ErrorKind::AccessDenied => Code::AccessDenied,
        ErrorKind::ConditionalCheckFailed => Code::ConditionalCheckFailed,
        ErrorKind::DuplicateItem => Code::DuplicateItem,
        ErrorKind::ItemCollectionSizeLimitExceeded => Code::ItemCollectionSizeLimitExceeded,
        ErrorKind::ProvisionedThroughputExceeded => Code::ProvisionedThroughputExceeded,
        ErrorKind::RequestLimitExceeded => Code::RequestLimitExceeded,
        ErrorKind::ResourceNotFound => Code::ResourceNotFound,
        ErrorKind::Throttling => Code::ThrottlingError,
        ErrorKind::TransactionConflict => Code::TransactionConflict,
        ErrorKind::Validation => Code::ValidationError,
        _ => Code::InternalServerError,
    }
}
