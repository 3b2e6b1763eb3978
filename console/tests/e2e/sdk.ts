// The AWS SDK for JavaScript, pointed at the server of a test.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";

/** A client as an application has it. */
export function sdk(url: string): DynamoDBClient {
  return new DynamoDBClient({
    endpoint: url,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
}
