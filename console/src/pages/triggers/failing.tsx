// What a trigger fails with: the error, the record that caused it, the lines that the function printed.

import { recordsAt } from "../../api/recent.ts";
import { useResource } from "../../api/resource.ts";
import type { LogLine, ShardStatus, TriggerStatus } from "../../api/triggers.ts";
import { functionOfArn } from "../../model/arn.ts";
import { plural } from "../../model/format.ts";
import { keyText } from "../../model/record.ts";
import { Card } from "../../ui/page.tsx";
import { Ago } from "../../ui/time.tsx";
import { RecordImages, RecordLinks } from "../dead-letters/records.tsx";
import { FailureBlock } from "../functions/failure.tsx";
import { LogLines } from "../functions/log.tsx";
import { EventMark } from "../stream/record-list.tsx";
import "../stream/stream.css";

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
          {isRetrying(shard) && <Cause stream={status.streamArn} shard={shard} />}
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

/** The first record that is not done: the batch that fails begins with it. */
function Cause({ stream, shard }: { stream: string; shard: ShardStatus }) {
  const known = useResource(`cause/${shard.shardId}/${shard.position}`, (signal) =>
    recordsAt(stream, shard.shardId, shard.position, 1, signal),
  );
  const record = known.data.value?.[0];
  if (!record) return null;
  return (
    <div class="stack-tight">
      <h3>The batch begins with</h3>
      <div class="row">
        <EventMark record={record} />
        <span class="data break">{keyText(record.dynamodb.Keys)}</span>
      </div>
      <RecordImages record={record} />
      <RecordLinks record={record} />
    </div>
  );
}

/** The lines of the call that ended when the error was noted, without the error itself, which stands above. */
function linesOfCall(lines: readonly LogLine[], at: number): readonly LogLine[] {
  const ended = lines.findLast((line) => line.atMs <= at + 20 && /^END RequestId: /.test(line.text));
  const call = ended?.requestId ?? lines.at(-1)?.requestId;
  return lines.filter((line) => line.requestId === call);
}
