// Functions to begin with, and how a function's code is told to the API.

import type { FunctionCode } from "../api/wire.ts";
import { base64, zip } from "./zip.ts";

export interface Starter {
  runtime: string;
  label: string;
  /** The file that the code goes into. */
  file: string;
  handler: string;
  code: string;
}

export const STARTERS: readonly [Starter, ...Starter[]] = [
  {
    runtime: "nodejs22.x",
    label: "Node.js",
    file: "index.mjs",
    handler: "index.handler",
    code: `// Called with a batch of changes, in order. An error sends the same batch again.
export const handler = async (event) => {
  for (const record of event.Records) {
    const { Keys, OldImage, NewImage } = record.dynamodb;
    console.log(record.eventName, JSON.stringify(Keys), JSON.stringify({ OldImage, NewImage }));
  }
};
`,
  },
  {
    runtime: "python3.12",
    label: "Python",
    file: "lambda_function.py",
    handler: "lambda_function.lambda_handler",
    code: `import json


def lambda_handler(event, context):
    """Called with a batch of changes, in order. An exception sends the same batch again."""
    for record in event["Records"]:
        change = record["dynamodb"]
        print(record["eventName"], json.dumps(change["Keys"]), json.dumps(change.get("NewImage")))
`,
  },
];

/** Code that was typed, as a zip file of the one file. */
export function codeOfText(starter: Starter, text: string): FunctionCode {
  return { ZipFile: base64(zip([{ name: starter.file, text }])) };
}

/** Where a function's code is, other than in a zip file; the bucket's name says what the key means. */
export const PLACES = {
  "headwater-local-directory": { label: "Folder on the server", key: "/srv/functions/hello" },
  "headwater-webhook": { label: "Webhook", key: "http://127.0.0.1:9999/hook" },
  "headwater-command": { label: "Program on the server", key: "/srv/sink.sh" },
  "headwater-lambda": { label: "Function of another server", key: "http://127.0.0.1:9000/my-function" },
} as const;

export type PlaceName = keyof typeof PLACES;

export function codeOfPlace(place: PlaceName, key: string): FunctionCode {
  return { S3Bucket: place, S3Key: key };
}

/** Variables of a function: a line `NAME=value` for each. Throws a text that says which line is none. */
export function parseVariables(text: string): { [name: string]: string } {
  const entries = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const found = line.match(/^\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)$/);
      if (!found) throw new Error(`"${line.trim()}" is no NAME=value.`);
      return [found[1] as string, (found[2] as string).trim()] as const;
    });
  return Object.fromEntries(entries);
}

export function printVariables(variables: { [name: string]: string }): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}
