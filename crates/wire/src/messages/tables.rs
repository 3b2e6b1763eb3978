//! Sentences of the table operations.

use crate::error::{ApiError, ErrorKind};

fn invalid(what: impl std::fmt::Display) -> ApiError {
    ApiError::validation(format!("One or more parameter values were invalid: {what}"))
}

/// Describe, Update and DeleteTable of a missing table: dynamodb-api.md section 7.
pub fn not_found(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceNotFound,
        format!("Requested resource not found: Table: {table} not found"),
    )
}

/// CreateTable of a table that is there: dynamodb-api.md section 7 (recorded).
pub fn already_exists(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceInUse,
        format!("Table already exists: {table}"),
    )
}

/// A change of a table that is `CREATING`: dynamodb-api.md section 15.
pub fn being_created(table: &str) -> ApiError {
    in_use(table, "created")
}

/// A change of a table that is `UPDATING`: as above.
pub fn being_updated(table: &str) -> ApiError {
    in_use(table, "updated")
}

/// A change of a table that is `DELETING`: as above.
pub fn being_deleted(table: &str) -> ApiError {
    in_use(table, "deleted")
}

fn in_use(table: &str, what: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceInUse,
        format!(
            "Attempt to change a resource which is still in use: Table is being {what}: {table}"
        ),
    )
}

/// DeleteTable of a protected table: dynamodb-api.md section 15 (recorded 2026).
pub fn deletion_protected() -> ApiError {
    ApiError::validation(
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    )
}

/// An ARN in place of a name that is none of a table here. Ours.
pub fn invalid_table_arn(arn: &str) -> ApiError {
    ApiError::validation(format!(
        "Invalid TableArn: Invalid ResourceArn provided as input {arn}"
    ))
}

/// More key attributes than definitions, and an attribute named twice: dynamodb-api.md section 7.
pub fn key_attribute_undefined() -> ApiError {
    ApiError::validation("Invalid KeySchema: Some index key attribute have no definition")
}

/// A key attribute that is not among the definitions (dynalite's captures).
pub fn key_attributes_not_defined(keys: &[&str], definitions: &[&str]) -> ApiError {
    invalid(format_args!(
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], AttributeDefinitions: [{}]",
        keys.join(", "),
        definitions.join(", ")
    ))
}

/// A definition that no key uses (dynalite's captures).
pub fn unused_attribute_definitions() -> ApiError {
    invalid(
        "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
    )
}

/// Both parts of a key have one name (dynalite's captures).
pub fn key_parts_have_one_name() -> ApiError {
    ApiError::validation(
        "Both the Hash Key and the Range Key element in the KeySchema have the same name",
    )
}

/// The key does not begin with its partition part (dynalite's captures).
pub fn first_key_part_is_not_hash() -> ApiError {
    ApiError::validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
}

/// The second part of the key is not its sort part (dynalite's captures).
pub fn second_key_part_is_not_range() -> ApiError {
    ApiError::validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
}

/// An attribute is defined twice (recorded 2026).
pub fn attribute_defined_twice(name: &str) -> ApiError {
    ApiError::validation(format!("Attribute Name is duplicated: {name}"))
}

/// Throughput with on-demand billing (dynalite's captures).
pub fn throughput_with_on_demand() -> ApiError {
    invalid(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    )
}

/// No throughput with provisioned billing (dynalite's captures).
pub fn throughput_missing() -> ApiError {
    invalid(
        "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
    )
}

/// More tags than a table can have: dynamodb-api.md section 3 (recorded 2026).
pub fn too_many_tags() -> ApiError {
    ApiError::validation("Number of Tags exceed the current limit for the provided ResourceArn")
}

/// Tags of what is another account's (recorded 2026; conformance suite, of the code).
pub fn access_denied() -> ApiError {
    ApiError::new(ErrorKind::AccessDenied, "Access is denied")
}

/// Tags of a table that is not there (recorded 2026).
pub fn tagged_table_not_found(arn: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceNotFound,
        format!("Requested resource not found: ResourceArn: {arn} not found"),
    )
}

/// TagResource without tags (recorded 2026).
pub fn no_tags_given() -> ApiError {
    ApiError::validation("Atleast one Tag needs to be provided as Input.")
}

/// UntagResource without keys (dynalite's captures; recorded 2026).
pub fn no_tag_keys_given() -> ApiError {
    ApiError::validation("Atleast one Tag Key needs to be provided as Input.")
}

/// ListTagsOfResource with a token, of which none is given out. Ours.
pub fn unknown_tags_token() -> ApiError {
    invalid("NextToken is not one that ListTagsOfResource returned")
}

/// Contributor insights of a table or index that is not active (recorded, of tables).
pub fn insights_not_ready(of: &str) -> ApiError {
    ApiError::validation(format!(
        "Table or Index is not in a valid state to update Key Access Insights: {of}Status must be ACTIVE to enable ContributorInsights."
    ))
}

/// A global table of the version of 2017, of which there is none: dynamodb-api.md section 1 (recorded 2026).
pub fn global_table_not_found(name: &str) -> ApiError {
    ApiError::new(
        ErrorKind::GlobalTableNotFound,
        format!("Global table not found: Global table with name: '{name}' does not exist."),
    )
}

/// The same of its settings (recorded 2026).
pub fn global_table_settings_not_found(name: &str) -> ApiError {
    ApiError::new(
        ErrorKind::GlobalTableNotFound,
        format!("Global table with name: '{name}' does not exist."),
    )
}

/// A global table of the version of 2017 that is to be made or to get a replica (recorded 2026).
pub fn global_tables_of_2017() -> ApiError {
    invalid(
        "DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global tables version \
         2019.11.21, instead of version 2017.11.29 (Legacy).",
    )
}

/// An operation that only means something for replicas: dynamodb-api.md section 1; text ours.
pub fn operation_needs_replicas(operation: &str) -> ApiError {
    ApiError::new(
        ErrorKind::UnknownOperation,
        format!(
            "Headwater does not support the operation {operation}: its tables are in one region and have no replicas"
        ),
    )
}

/// Parameters that only mean something for replicas: dynamodb-api.md section 1; text ours.
pub fn parameters_need_replicas(names: &[&str]) -> ApiError {
    ApiError::validation(format!(
        "Headwater does not support these parameters, as its tables are in one region and have no replicas: {}",
        names.join(", ")
    ))
}

/// A tag key with characters that it can't have (recorded 2026).
pub fn invalid_tag_key(key: &str) -> ApiError {
    ApiError::validation(format!("The Tag Key provided is invalid, Key: {key}"))
}

/// The same of a value (recorded 2026).
pub fn invalid_tag_value(value: &str) -> ApiError {
    ApiError::validation(format!("The Tag Value provided is invalid, Value: {value}"))
}

/// A tag key given twice (recorded 2026).
pub fn duplicate_tag(key: &str) -> ApiError {
    ApiError::validation(format!(
        "Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}"
    ))
}

/// A tag key that only AWS assigns (recorded 2026).
pub fn reserved_tag(prefix: &str, key: &str) -> ApiError {
    ApiError::validation(format!(
        "Tag Key cannot be prefixed with {prefix}, Key: {key}"
    ))
}

/// The tag of our own that sets how long stream records are kept. Ours.
pub fn invalid_retention_tag(tag: &str, hours_max: u64, value: &str) -> ApiError {
    invalid(format_args!(
        "the tag {tag} must be a number of hours between 1 and {hours_max}, not {value:?}"
    ))
}

/// TagResource or UntagResource that would change the tag of our own. Ours.
pub fn retention_tag_is_fixed(tag: &str) -> ApiError {
    invalid(format_args!(
        "the tag {tag} is set by CreateTable and can't be changed or removed later"
    ))
}

/// A throughput beyond what AWS accepts (dynalite's captures).
pub fn throughput_out_of_bounds(value: i64, name: &str) -> ApiError {
    ApiError::validation(format!("Given value {value} for {name} is out of bounds"))
}

/// UpdateTable with provisioned billing and no throughput (dynalite's captures; recorded 2026).
pub fn throughput_not_specified() -> ApiError {
    invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
}

/// UpdateTable with the throughput that the table has: dynamodb-api.md section 15 (dynalite's captures).
pub fn throughput_unchanged(read: u64, write: u64) -> ApiError {
    throughput_stays("the table", "the table", read, write)
}

/// The same of an index (recorded 2026, but for its end).
pub fn index_throughput_unchanged(index: &str, read: u64, write: u64) -> ApiError {
    let of = format!("index {index}");
    throughput_stays(&format!("the {of}"), &of, read, write)
}

fn throughput_stays(what: &str, of: &str, read: u64, write: u64) -> ApiError {
    ApiError::validation(format!(
        "The provisioned throughput for {what} will not change. The requested value equals the current value. \
         Current ReadCapacityUnits provisioned for {of}: {read}. Requested ReadCapacityUnits: {read}. \
         Current WriteCapacityUnits provisioned for {of}: {write}. Requested WriteCapacityUnits: {write}. \
         Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    ))
}

/// UpdateTable that asks for nothing (recorded 2026; the list grows over time).
pub fn nothing_to_update() -> ApiError {
    ApiError::validation(
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, \
         SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, \
         DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required",
    )
}

/// UpdateTable that changes more than what is only changed alone (recorded 2026).
pub fn change_beside_others(what: &str) -> ApiError {
    invalid(format_args!(
        "{what} modification must be the only operation in the request"
    ))
}

/// Warm throughput beside another change (recorded 2026).
pub fn warm_throughput_beside_others() -> ApiError {
    invalid("WarmThroughput must be the only operation in the request")
}

/// A new index beside warm throughput of its table (recorded 2026).
pub fn index_beside_warm_throughput() -> ApiError {
    invalid("Create global secondary index cannot be specified when updating WarmThroughput")
}

/// Maxima of on-demand throughput beside more than the billing mode (recorded 2026).
pub fn maxima_beside_others() -> ApiError {
    invalid("OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
}

/// A stream beside provisioned throughput (recorded 2026).
pub fn stream_beside_throughput() -> ApiError {
    invalid("You cannot modify stream status while updating table IOPS")
}

/// A change of the set of indexes beside throughput (recorded 2026).
pub fn index_beside_throughput() -> ApiError {
    invalid("You cannot create or delete index while updating table IOPS")
}

/// A change of the set of indexes beside the stream (recorded 2026).
pub fn index_beside_stream() -> ApiError {
    invalid("You cannot create or delete index while changing stream status")
}

/// dynamodb-api.md section 7.
pub fn local_index_needs_range_key() -> ApiError {
    invalid(
        "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
    )
}

/// dynamodb-api.md section 7.
pub fn duplicate_index_name(index: &str) -> ApiError {
    invalid(format_args!("Duplicate index name: {index}"))
}

/// `LocalSecondaryIndexes` or `GlobalSecondaryIndexes` without elements (dynalite's captures).
pub fn index_list_empty(member: &str) -> ApiError {
    invalid(format_args!("List of {member} is empty"))
}

/// A local index of one key part (dynalite's captures).
pub fn local_index_without_range_key(index: &str) -> ApiError {
    invalid(format_args!(
        "Index KeySchema does not have a range key for index: {index}"
    ))
}

/// A local index under another partition key (dynalite's captures).
pub fn local_index_with_other_hash_key(index: &str, index_key: &str, table_key: &str) -> ApiError {
    invalid(format_args!(
        "Index KeySchema does not have the same leading hash key as table KeySchema for index: {index}. \
         index hash key: {index_key}, table hash key: {table_key}"
    ))
}

/// A HASH element behind a RANGE one: dynamodb-api.md section 8 (recorded 2026).
pub fn hash_keys_must_precede() -> ApiError {
    invalid("All HASH key attributes must precede RANGE key attributes in the KeySchema")
}

/// More key parts of one kind than an index may have: dynamodb-api.md section 3 (recorded 2026).
pub fn too_many_key_parts(kind: &str) -> ApiError {
    invalid(format_args!(
        "The KeySchema exceeds the maximum allowed number of {kind} key attributes"
    ))
}

/// Parts of a global index's key have one name: dynamodb-api.md section 8 (recorded 2026).
pub fn index_key_parts_have_one_name() -> ApiError {
    ApiError::validation("The KeySchema contains multiple key attributes with the same name")
}

/// A definition that neither the table's key nor an index's uses (dynalite's captures).
pub fn definitions_not_used(definitions: &[&str], used: &[&str]) -> ApiError {
    invalid(format_args!(
        "Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
        definitions.join(", "),
        used.join(", ")
    ))
}

/// A new index that has an attribute of another type than the table or an index of it (Alternator's tests on AWS;
/// ExtendDB's and dynoxide's captures).
pub fn attributes_redefined(
    present: impl std::fmt::Display,
    wanted: impl std::fmt::Display,
) -> ApiError {
    invalid(format_args!(
        "Attributes cannot be redefined. Please check that your attribute has the same type as previously defined. \
         Existing schema: {present} New schema: {wanted}"
    ))
}

/// A new index without definitions of attributes (recorded 2026).
pub fn attribute_definitions_missing(index: &str) -> ApiError {
    invalid(format_args!(
        "AttributeDefinitions is not specified for index: {index}"
    ))
}

/// More listed attributes than all indexes together may have: dynamodb-api.md section 3; text unconfirmed.
pub fn too_many_projected_attributes(most: usize) -> ApiError {
    invalid(format_args!(
        "Number of NonKeyAttributes over all indexes exceeds the per-table limit of {most}"
    ))
}

/// DescribeTimeToLive of a table that is not there yet, or not for long (recorded 2026).
pub fn time_to_live_not_told(status: &str) -> ApiError {
    ApiError::validation(format!(
        "Cannot describe time to live while table is in {status} state: Current table state is {status}"
    ))
}

/// UpdateTimeToLive of a table that is `CREATING` (recorded 2026).
pub fn being_created_without_time_to_live(table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceInUse,
        format!(
            "Attempt to change a resource which is still in use: Table {table} is being created"
        ),
    )
}

/// UpdateTimeToLive that changes nothing (recorded 2026). `state` is `enabled` or `disabled`.
pub fn time_to_live_already(state: &str) -> ApiError {
    ApiError::validation(format!("TimeToLive is already {state}"))
}

/// UpdateTimeToLive for another attribute than the one that counts (recorded 2026).
pub fn time_to_live_by_another_attribute(current: &str) -> ApiError {
    ApiError::validation(format!(
        "TimeToLive is active on a different AttributeName: current AttributeName is {current}"
    ))
}

/// A projection without a type (dynalite's captures).
pub fn projection_type_missing() -> ApiError {
    invalid("Unknown ProjectionType: null")
}

/// Attributes listed for a projection that takes none (dynalite's captures).
pub fn projection_takes_no_attributes(projection_type: &str) -> ApiError {
    invalid(format_args!(
        "ProjectionType is {projection_type}, but NonKeyAttributes is specified"
    ))
}

/// `INCLUDE` without a list (dynalite's captures).
pub fn projection_needs_attributes() -> ApiError {
    invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
}

/// An attribute that is listed twice (recorded 2026).
pub fn attribute_projected_twice(name: &str) -> ApiError {
    invalid(format_args!(
        "Duplicate element in NonKeyAttributes: {name}"
    ))
}

/// dynamodb-api.md section 3 (dynalite's captures).
pub fn too_many_local_indexes() -> ApiError {
    invalid("Number of LocalSecondaryIndexes exceeds per-table limit of 5")
}

/// dynamodb-api.md section 3 (dynalite's captures).
pub fn too_many_global_indexes() -> ApiError {
    invalid("GlobalSecondaryIndex count exceeds the per-table limit of 20")
}

/// The same in UpdateTable (recorded 2026).
pub fn too_many_global_indexes_of_table() -> ApiError {
    ApiError::new(
        ErrorKind::LimitExceeded,
        "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of 20",
    )
}

/// UpdateTable that would delete a local index (recorded 2026).
pub fn local_index_deleted(index: &str) -> ApiError {
    ApiError::validation(format!(
        "Cannot delete an index that is not a GlobalSecondaryIndex: {index}"
    ))
}

/// UpdateTable that would change a local index (recorded 2026).
pub fn local_index_updated(index: &str) -> ApiError {
    ApiError::validation(format!(
        "Cannot update an index that is not a GlobalSecondaryIndex: {index}"
    ))
}

/// Throughput of an index of a new on-demand table (dynalite's captures; recorded 2026).
pub fn index_throughput_with_on_demand(index: &str) -> ApiError {
    invalid(format_args!(
        "ProvisionedThroughput should not be specified for index: {index} when BillingMode is PAY_PER_REQUEST"
    ))
}

/// Throughput missing for an index of a new provisioned table (recorded 2026).
pub fn index_throughput_not_specified(index: &str) -> ApiError {
    invalid(format_args!(
        "ProvisionedThroughput is not specified for index: {index}"
    ))
}

/// Throughput of an index that is added to an on-demand table (recorded 2026).
pub fn added_index_throughput_with_on_demand(index: &str) -> ApiError {
    invalid(format_args!(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {index} when BillingMode is PAY_PER_REQUEST"
    ))
}

/// Throughput missing for an index that is added to a provisioned table (recorded 2026).
pub fn added_index_throughput_missing(index: &str) -> ApiError {
    invalid(format_args!(
        "Both ReadCapacityUnits and WriteCapacityUnits must be specified for index: {index}"
    ))
}

/// Throughput for an index that an on-demand table has (recorded 2026).
pub fn index_throughput_updated_with_on_demand(index: &str) -> ApiError {
    invalid(format_args!(
        "The only Updates for index: {index} when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, WarmThroughput"
    ))
}

/// Throughput missing for an index of a table that becomes provisioned (dynalite's captures; recorded 2026).
pub fn index_throughput_missing(index: &str) -> ApiError {
    invalid(format_args!(
        "ProvisionedThroughput must be specified for index: {index}"
    ))
}

/// UpdateTable naming an index that is not there (recorded 2026).
pub fn index_not_found(index: &str, table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceNotFound,
        format!("Requested resource not found: Index {index} for table {table}"),
    )
}

/// Contributor insights of an index that is not there (recorded 2026).
pub fn insights_index_not_found(index: &str, table: &str) -> ApiError {
    ApiError::new(
        ErrorKind::ResourceNotFound,
        format!("Requested resource not found: Index: {index} not found for table: {table}"),
    )
}

/// UpdateTable adding an index that is there (ExtendDB's tests against the service).
pub fn index_already_exists() -> ApiError {
    ApiError::validation("Attempting to create an index which already exists")
}

/// An element of `GlobalSecondaryIndexUpdates` that asks for nothing (dynalite's captures; recorded 2026).
pub fn index_update_without_action() -> ApiError {
    invalid(
        "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, \
         GlobalSecondaryIndexUpdate.Delete must not be null",
    )
}

/// One that asks for several things (recorded 2026).
pub fn index_update_with_several_actions() -> ApiError {
    invalid(
        "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object",
    )
}

/// Two elements of one index (dynalite's captures; recorded 2026).
pub fn index_updated_twice(index: &str) -> ApiError {
    invalid(format_args!(
        "Only one global secondary index update per index is allowed simultaneously. Index: {index}"
    ))
}

/// DeleteTable while an index of it is being filled (conformance suite, recorded 2026).
pub fn index_being_changed() -> ApiError {
    ApiError::new(
        ErrorKind::ResourceInUse,
        "Attempt to change a resource which is still in use: Cannot delete table while indexes are being created, \
         updated, or deleted.",
    )
}

/// More than one index made or deleted at once: dynamodb-api.md section 3.
pub fn one_index_change_at_a_time() -> ApiError {
    ApiError::new(
        ErrorKind::LimitExceeded,
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    )
}

/// A stream while too many that were disabled are kept for their readers. Ours.
pub fn too_many_disabled_shards(most: usize) -> ApiError {
    ApiError::new(
        ErrorKind::LimitExceeded,
        format!(
            "Subscriber limit exceeded: The streams that were disabled, those of deleted tables too, have {most} shards \
             within their retention. Enable streams when it is over for some"
        ),
    )
}

/// Enabling a stream on a table that has one: streams.md section 2 (recorded).
pub fn stream_already_enabled(table: &str) -> ApiError {
    ApiError::validation(format!(
        "Table already has an enabled stream: TableName: {table}"
    ))
}

/// Disabling a stream that is not there: streams.md section 2 (recorded 2026).
pub fn no_stream_to_disable(table: &str) -> ApiError {
    ApiError::validation(format!(
        "Table has no stream to disable: TableName: {table}"
    ))
}

/// CreateTable with `StreamEnabled: true` and no view type: streams.md section 2 (recorded 2026).
pub fn first_stream_needs_view_type() -> ApiError {
    invalid("Table is being created with a stream enabled, UpdateViewType is required")
}

/// CreateTable with `StreamEnabled: false` and a view type: streams.md section 2 (recorded 2026).
pub fn no_first_stream_takes_no_view_type() -> ApiError {
    invalid("Table is being created with a stream disabled, UpdateViewType should not be specified")
}

/// The former in UpdateTable (recorded 2026).
pub fn stream_needs_view_type() -> ApiError {
    invalid("If stream is being enabled then UpdateViewType is required")
}

/// The latter in UpdateTable (recorded 2026).
pub fn disabled_stream_takes_no_view_type() -> ApiError {
    invalid("If stream is being disabled, then UpdateViewType must not be specified")
}

/// A table that asks to be encrypted in a store that is not: our own.
pub fn store_is_not_encrypted() -> ApiError {
    invalid(
        "SSESpecification asks for encryption, but this server does not encrypt what it stores. Start it with \
         --encryption-key-file FILE, --encryption-key-ring FOLDER or the environment variable HEADWATER_ENCRYPTION_KEY",
    )
}

/// A type of encryption beside KMS (recorded 2026).
pub fn unsupported_encryption_type(name: &str) -> ApiError {
    invalid(format_args!("SSEType {name} is not supported"))
}

/// A type or a key for encryption that is turned off (recorded 2026).
pub fn encryption_is_not_enabled(member: &str) -> ApiError {
    invalid(format_args!(
        "{member} can not be specified if Enabled is false"
    ))
}

/// A key for encryption of no type (recorded 2026).
pub fn encryption_key_without_type() -> ApiError {
    invalid("SSEType KMS is required if KMSMasterKeyId is specified")
}
