// The same from a terminal.

import { shellQuote } from "../../model/cli.ts";
import { sequenceMs } from "../../model/sequence.ts";

/** The AWS CLI command that reads one record. */
export function recordCommand(stream: string, shard: string, sequence: string, endpoint: string): string {
  const at = `--endpoint-url ${shellQuote(endpoint)}`;
  return `aws dynamodbstreams get-records ${at} --limit 1 \\
  --shard-iterator "$(aws dynamodbstreams get-shard-iterator ${at} \\
    --stream-arn ${shellQuote(stream)} --shard-id ${shellQuote(shard)} \\
    --shard-iterator-type AT_SEQUENCE_NUMBER --sequence-number ${shellQuote(sequence)} \\
    --query ShardIterator --output text)"`;
}

/** What one looks at, for programs that read it themselves. */
export function feedCommands(
  table: string,
  stream: string,
  from: string,
  pattern: string | undefined,
  endpoint: string,
) {
  const address = `${endpoint}/streams/${encodeURIComponent(table)}/events`;
  const filter = pattern === undefined ? "" : ` \\\n  --data-urlencode ${shellQuote(`filter=${oneLine(pattern)}`)}`;
  const at = `--endpoint-url ${shellQuote(endpoint)}`;
  return [
    ...(pattern === undefined ? [{ label: "Terminal", text: tailCommand(table, from, endpoint) }] : []),
    {
      label: "curl",
      text: `curl -NG ${shellQuote(address)} --data-urlencode ${shellQuote(`from=${from}`)}${filter}`,
    },
    {
      label: "Browser",
      text: `const events = new EventSource(${JSON.stringify(`${address}?${query(from, pattern)}`)});
events.addEventListener("record", (event) => console.log(JSON.parse(event.data).record));`,
    },
    {
      label: "AWS CLI",
      text: `STREAM=${shellQuote(stream)}
for SHARD in $(aws dynamodbstreams describe-stream ${at} --stream-arn "$STREAM" \\
    --query 'StreamDescription.Shards[].ShardId' --output text); do
  aws dynamodbstreams get-records ${at} --shard-iterator "$(aws dynamodbstreams get-shard-iterator ${at} \\
    --stream-arn "$STREAM" --shard-id "$SHARD" --shard-iterator-type TRIM_HORIZON \\
    --query ShardIterator --output text)"
done`,
    },
  ];
}

function tailCommand(table: string, from: string, endpoint: string): string {
  const ms = from.startsWith("@") ? Number(from.slice(1)) : sequenceMs(from);
  const where =
    from === "horizon" ? " --from beginning" : ms === undefined ? "" : ` --from ${new Date(ms).toISOString()}`;
  return `headwater tail ${shellQuote(table)}${where} --endpoint ${shellQuote(endpoint)}`;
}

function query(from: string, pattern: string | undefined): URLSearchParams {
  return new URLSearchParams(pattern === undefined ? { from } : { from, filter: oneLine(pattern) });
}

/** Without the line breaks that make it readable, where it is JSON. */
function oneLine(pattern: string): string {
  try {
    return JSON.stringify(JSON.parse(pattern));
  } catch {
    return pattern;
  }
}
