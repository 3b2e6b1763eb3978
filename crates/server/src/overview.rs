//! What the console's first page and its picture of shards are drawn from: `GET /_headwater/overview` and
//! `GET /_headwater/shards?stream=ARN`.

use headwater_operations::RequestContext;
use serde_json::{Value, json};

use crate::admin;
use crate::request::Server;

/// Most tables of one answer.
const TABLES_MAX: usize = 1_000;

/// How the server does, its tables with their streams, and how its mappings do.
///
/// # Errors
/// A reason for people: the log takes no more, or the tables of the triggers can't be read.
pub(crate) async fn overview(server: &Server, context: &RequestContext) -> Result<Value, String> {
    let mappings = mappings(server, context).await?;
    let (tables, more) = tables(server, context, &mappings).await?;
    let database = server.api.database();
    let log = database.log();
    let (stats, state) = (log.stats(), database.state_stats());
    Ok(json!({
        "version": server.settings.console.version,
        "now_ms": database.clock().now_ms(),
        "started_ms": server.started_ms,
        "region": context.region,
        "account": context.account,
        "health": admin::health_of(server).1,
        "durability": server.settings.console.durability,
        "encrypted": database.is_encrypted(),
        "disk": disk(server),
        "log": {
            "durable": log.durable().to_string(),
            "applied": database.applied().to_string(),
            "checkpoint": log.checkpoint().to_string(),
            "oldest_ms": log.oldest().ms(),
            "segments": stats.segments,
            "bytes": stats.stored_bytes,
        },
        "state": {
            "bytes": state.file_bytes,
            "free_bytes": state.free_bytes,
            "runs": state.runs,
        },
        "tables": tables,
        "more_tables": more,
        "mappings": mappings,
    }))
}

async fn mappings(server: &Server, context: &RequestContext) -> Result<Vec<Value>, String> {
    let managed = server.triggers.manage("GET", "triggers", "", context).await;
    let mut managed = managed.filter(|managed| managed.status == 200);
    let listed = managed
        .as_mut()
        .and_then(|managed| managed.body.get_mut("triggers"));
    match listed.map(Value::take) {
        Some(Value::Array(mappings)) => Ok(mappings),
        _ => Err("the mappings can't be read; the log says why".to_owned()),
    }
}

async fn tables(
    server: &Server,
    context: &RequestContext,
    mappings: &[Value],
) -> Result<(Vec<Value>, bool), String> {
    let database = server.api.database();
    let namespace = context.namespace.as_str();
    let listed = database.list_tables(namespace, None, TABLES_MAX).await;
    let (names, more) = listed.map_err(|error| error.to_string())?;
    let now_ms = database.clock().now_ms();
    let mut tables = Vec::with_capacity(names.len());
    for name in names {
        // It may have been deleted since.
        let Ok(view) = database.describe(namespace, &name).await else {
            continue;
        };
        let stream = view.latest_stream.as_ref().map(|stream| {
            json!({
                "arn": stream.arn(),
                "label": stream.label,
                "view": stream.view.as_str(),
                "status": stream.status(now_ms),
            })
        });
        let streams = format!("{}/stream/", view.record.arn());
        let of_table = |mapping: &&Value| {
            let arn = mapping.get("streamArn").and_then(Value::as_str);
            arn.is_some_and(|arn| arn.starts_with(&streams))
        };
        tables.push(json!({
            "name": name,
            "arn": view.record.arn(),
            "status": view.status.as_str(),
            "items": view.table.item_count(),
            "bytes": view.table.size_bytes(),
            "reads": view.table.items_read(),
            "writes": view.table.changes(),
            "stream": stream,
            "mappings": mappings.iter().filter(of_table).count(),
        }));
    }
    Ok((tables, more))
}

fn disk(server: &Server) -> Option<Value> {
    let console = &server.settings.console;
    let folder = console.data_folder.as_ref()?;
    let disk = match rustix::fs::statvfs(folder) {
        Ok(disk) => disk,
        Err(error) => {
            tracing::debug!(%error, "the disk does not tell its free space");
            return None;
        }
    };
    Some(json!({
        "free_bytes": disk.f_bavail.saturating_mul(disk.f_frsize),
        "reserve_bytes": console.disk_reserve_bytes,
    }))
}

/// The shards of a stream as ranges of hashes over time.
///
/// # Errors
/// A reason for people: there is no such stream.
pub(crate) async fn shards(
    server: &Server,
    stream: &str,
    context: &RequestContext,
) -> Result<Value, String> {
    let streams = server.api.streams();
    let found = streams.find(&context.namespace, stream);
    let stream = found.map_err(|error| error.to_string())?;
    let shards = streams.shards(&stream).await;
    let shards = shards.map_err(|error| error.to_string())?;
    let database = server.api.database();
    let now_ms = database.clock().now_ms();
    let shards: Vec<Value> = shards
        .iter()
        .map(|view| {
            let shard = &view.shard;
            json!({
                "id": shard.id(),
                "parent": view.parent_id,
                "opened_ms": shard.opened_ms,
                "closed_ms": shard.end.map(|end| end.ms()),
                "first": shard.start.to_string(),
                "last": shard.end.map(|end| end.to_string()),
                "hash_from": format!("{:08x}", shard.hash_first),
                "hash_to": format!("{:08x}", shard.hash_last),
            })
        })
        .collect();
    Ok(json!({
        "stream": stream.arn(),
        "view": stream.view.as_str(),
        "status": stream.status(now_ms),
        "now_ms": now_ms,
        "trim_horizon": database.trim_point(&stream).to_string(),
        "trim_horizon_ms": database.trim_point(&stream).ms(),
        "shards": shards,
    }))
}
