// Events to call a function with.

import type { EventName, StreamRecord } from "../../model/record.ts";
import { testEvent } from "../../model/record.ts";

const BEFORE = { id: { S: "user#1" }, state: { S: "new" } };
const AFTER = { id: { S: "user#1" }, state: { S: "active" }, visits: { N: "1" } };

function sample(eventName: EventName, images: Pick<StreamRecord["dynamodb"], "NewImage" | "OldImage">): string {
  return testEvent({
    eventID: "c4ca4238a0b923820dcc509a6f75849b",
    eventName,
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: "us-east-1",
    dynamodb: {
      ApproximateCreationDateTime: 1_790_000_000,
      Keys: { id: { S: "user#1" } },
      ...images,
      SequenceNumber: "1001790000000000000000001",
      SizeBytes: 40,
      StreamViewType: "NEW_AND_OLD_IMAGES",
    },
    eventSourceARN: "arn:aws:dynamodb:us-east-1:000000000000:table/users/stream/2026-09-21T13:33:20.000",
  });
}

export const SAMPLES: Readonly<Record<EventName, string>> = {
  INSERT: sample("INSERT", { NewImage: BEFORE }),
  MODIFY: sample("MODIFY", { OldImage: BEFORE, NewImage: AFTER }),
  REMOVE: sample("REMOVE", { OldImage: AFTER }),
};
