// A handler as people deploy it: it keeps the keys of one table in another, and finds the endpoint in its environment.

import { DeleteItemCommand, DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({});
const TableName = process.env.INDEX_TABLE;

export const handler = async (event) => {
  const batchItemFailures = [];
  for (const { eventName, dynamodb } of event.Records) {
    try {
      const pk = { S: `key#${dynamodb.Keys.pk.S}` };
      if (eventName === "REMOVE") {
        await client.send(new DeleteItemCommand({ TableName, Key: { pk } }));
      } else {
        const Item = { pk, seen: { S: dynamodb.SequenceNumber } };
        await client.send(new PutItemCommand({ TableName, Item }));
      }
    } catch (error) {
      console.error(error);
      batchItemFailures.push({ itemIdentifier: dynamodb.SequenceNumber });
      break;
    }
  }
  return { batchItemFailures };
};
