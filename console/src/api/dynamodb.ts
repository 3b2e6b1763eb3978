// Calls of DynamoDB and DynamoDB Streams.

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

async function call<Output>(api: string, operation: string, input: unknown, signal?: AbortSignal): Promise<Output> {
  const response = await request("POST", "/", {
    body: JSON.stringify(input),
    headers: { "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": `${api}.${operation}` },
    signal: signal ?? null,
  });
  return (await response.json()) as Output;
}
