// The trigger of `headwater demo`: notes each change in the file that RECEIVED names.

import { appendFileSync } from "node:fs";

export const handler = async (event, context) => {
  const at_ms = performance.timeOrigin + performance.now();
  const lines = event.Records.map((record) =>
    JSON.stringify({ at_ms, batch: context.awsRequestId, record }),
  );
  // Several copies of this function run at once, one for each shard: a batch is one write.
  appendFileSync(process.env.RECEIVED, lines.map((line) => `${line}\n`).join(""));
  console.log(`${lines.length} changes`);
};
