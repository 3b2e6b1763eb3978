// Calls of DynamoDB and DynamoDB Streams.

import { isError } from "./error.ts";
import { request } from "./http.ts";
import type { DynamoDBOperations, StreamsOperations } from "./wire.ts";

/**
 * Calls an operation of DynamoDB: `dynamodb("DescribeTable", { TableName })`.
 * Throws `ApiError` with the type and message that the API gives.
 */
export function dynamodb<Name extends keyof DynamoDBOperations>(
  operation: Name,
  input: DynamoDBOperations[Name][0],
  signal?: AbortSignal,
): Promise<DynamoDBOperations[Name][1]> {
  return call("DynamoDB_20120810", operation, input, signal);
}

/** Calls an operation of DynamoDB Streams. */
export function streams<Name extends keyof StreamsOperations>(
  operation: Name,
  input: StreamsOperations[Name][0],
  signal?: AbortSignal,
): Promise<StreamsOperations[Name][1]> {
  return call("DynamoDBStreams_20120810", operation, input, signal);
}

/** A server with too much to do refuses requests, which then have not happened. They are sent again as SDKs do. */
const TRIES = 4;
const FIRST_PAUSE_MS = 100;

async function call<Output>(api: string, operation: string, input: unknown, signal?: AbortSignal): Promise<Output> {
  const body = JSON.stringify(input);
  const headers = { "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": `${api}.${operation}` };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await request("POST", "/", { body, headers, signal: signal ?? null });
      return (await response.json()) as Output;
    } catch (error) {
      if (attempt === TRIES || !isError(error, "ThrottlingException")) throw error;
      await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** attempt * Math.random()));
    }
  }
}
