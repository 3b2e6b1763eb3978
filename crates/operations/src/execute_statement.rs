//! ExecuteStatement: one PartiQL statement, which reads a page or writes one item.

use headwater_expression::partiql::{PartiqlError, Statement};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    ExecuteStatementInput, ExecuteStatementOutput, ReturnValuesOnConditionCheckFailure,
};

use crate::api::{Api, RequestContext};
use crate::capacity::{Used, consumed};
use crate::partiql::{
    self, Paging, SelectTarget, StatementFault, StatementWrite, parse, refused, returned,
};
use crate::request_digest::RequestDigest;

pub(crate) async fn execute_statement(
    api: &Api,
    input: ExecuteStatementInput,
    context: &RequestContext,
) -> Result<ExecuteStatementOutput, ApiError> {
    let mut digest = RequestDigest::default();
    partiql::digest(&mut digest, &input.statement, input.parameters.as_deref());
    let statement = parse(&input.statement, input.parameters).map_err(refused)?;
    let name = statement.table().to_owned();
    let table = || api.table_of(&name, context);
    let write = match statement {
        Statement::Select(select) => {
            let consistent = input.consistent_read == Some(true);
            let target = SelectTarget::new(api, select, consistent, context)?;
            let page = target.page(
                api,
                &Paging {
                    limit: input.limit,
                    next_token: input.next_token.as_deref(),
                    digest: digest.finish(),
                },
            )?;
            return Ok(ExecuteStatementOutput {
                items: Some(page.items),
                next_token: page.next_token,
                last_evaluated_key: page.last_evaluated_key,
                consumed_capacity: consumed(input.return_consumed_capacity, &name, &page.used),
            });
        }
        Statement::Exists(_) => return Err(refused(PartiqlError::ConditionAlone)),
        Statement::Insert(insert) => StatementWrite::insert(insert, table()?),
        Statement::Update(update) => StatementWrite::update(update, table()?),
        Statement::Delete(delete) => StatementWrite::delete(delete, table()?),
    };
    let write = write.map_err(StatementFault::into_error)?;
    let wanted = Some(ReturnValuesOnConditionCheckFailure::AllOld);
    let return_item_on_failure = input.return_values_on_condition_check_failure == wanted;
    let mut outcome = write.carry_out(api, return_item_on_failure).await?;
    let used = Used::of_write(&outcome);
    Ok(ExecuteStatementOutput {
        items: Some(returned(&mut outcome).into_iter().collect()),
        consumed_capacity: consumed(input.return_consumed_capacity, &name, &used),
        next_token: None,
        last_evaluated_key: None,
    })
}
