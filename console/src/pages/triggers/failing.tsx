// What a trigger fails with: the error, the record that caused it, the lines that the function printed.

import { recordsAt } from "../../api/recent.ts";
import { useResource } from "../../api/resource.ts";
import type { FailedBatch, LogLine, ShardStatus, TriggerStatus } from "../../api/triggers.ts";
import { functionOfArn } from "../../model/arn.ts";
import { plural } from "../../model/format.ts";
import { Card } from "../../ui/page.tsx";
import { Ago } from "../../ui/time.tsx";
import { RecordsList } from "../dead-letters/records.tsx";
import { FailureBlock } from "../functions/failure.tsx";
import { LogLines } from "../functions/log.tsx";

/** Lines of the log that are looked through for those of the call. */
const LOG_LINES = 300;

/** The newest error of all shards, while it matters: its batch is tried again, or it was the last thing that happened. */
export function LastFailure({ status }: { status: TriggerStatus }) {
  const failing = status.shards
    .filter((shard) => shard.lastError !== null && shard.lastErrorAt !== null)
    .filter((shard) => isRetrying(shard) || !(status.lastProcessingResult ?? "").startsWith("OK"))
    .sort((a, b) => (b.lastErrorAt ?? "").localeCompare(a.lastErrorAt ?? ""));
  const shard = failing[0];
  if (!shard || shard.lastError === null || shard.lastErrorAt === null) return null;
  const name = functionOfArn(status.functionArn);
  const at = Date.parse(shard.lastErrorAt);
  return (
    <Card
      title={isRetrying(shard) ? "Failing now" : "Last error"}
      actions={
        <span class="muted small">
          {isRetrying(shard) && `${plural(shard.attempts, "try", "tries")} so far, `}
          <Ago ms={at} />
          {failing.length > 1 && `, in ${failing.length} shards`}
        </span>
      }
    >
      <div class="stack">
        <FailureBlock text={shard.lastError} />
        <div class="columns">
          {shard.lastErrorBatch && (
            <Cause stream={status.streamArn} shard={shard.shardId} batch={shard.lastErrorBatch} />
          )}
          <div class="stack-tight">
            <h3>What the function printed</h3>
            <LogLines
              key={`${shard.lastErrorAt} ${name}`}
              name={name}
              limit={LOG_LINES}
              select={(lines) => linesOfCall(lines, at)}
            />
          </div>
        </div>
      </div>
    </Card>
  );
}

/** Whether the batch at the shard's place is the one that failed. */
function isRetrying(shard: ShardStatus): boolean {
  return shard.attempts > 0 && (shard.lagRecords > 0 || shard.lagRecordsAtLeast || shard.inFlight > 0);
}

/** The record that it fails with, or those of which it is one. */
function Cause({ stream, shard, batch }: { stream: string; shard: string; batch: FailedBatch }) {
  const wanted = batch.atFault === null ? batch.sequenceNumbers : [batch.atFault];
  const known = useResource(`cause/${shard}/${wanted.join()}`, async (signal) => {
    const found = wanted.map((sequence) => recordsAt(stream, shard, sequence, 1, signal));
    return (await Promise.all(found)).flat();
  });
  const records = known.data.value ?? [];
  return (
    <div class="stack-tight">
      <h3>{batch.atFault === null ? `One of ${plural(batch.records, "record")}` : "The record at fault"}</h3>
      {known.error.value && (
        <p class="muted">
          {batch.atFault === null ? "They" : "It"} can't be read any more: {known.error.value.message}
        </p>
      )}
      {batch.atFault === null && (
        <p class="muted small">
          The function failed without saying with which
          {batch.records > records.length && records.length > 0 && `; these are the first ${records.length}`}. With{" "}
          <b>Halve a batch that failed</b> it is found.
        </p>
      )}
      {records.length > 0 && <RecordsList records={records} />}
    </div>
  );
}

/** The lines of the call that ended when the error was noted, without the error itself, which stands above. */
function linesOfCall(lines: readonly LogLine[], at: number): readonly LogLine[] {
  const ended = lines.findLast((line) => line.atMs <= at + 20 && /^END RequestId: /.test(line.text));
  const call = ended?.requestId ?? lines.at(-1)?.requestId;
  return lines.filter((line) => line.requestId === call);
}
