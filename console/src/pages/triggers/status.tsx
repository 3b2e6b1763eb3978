// How a trigger is, in a few words; for rows and heads.

import type { TriggerStatus } from "../../api/triggers.ts";
import { functionOfArn, qualifierOfArn } from "../../model/arn.ts";
import { count, duration } from "../../model/format.ts";
import { Badge, Status } from "../../ui/badge.tsx";
import { lagRecords } from "./lag.ts";

/** "0", "37, 4.2 s", "10,000+". */
export function lagText(status: TriggerStatus): string {
  const { records, more } = lagRecords(status);
  if (records === 0 && !more) return "0";
  const age = status.lagMs > 0 ? `, ${duration(status.lagMs)}` : "";
  return `${count(records)}${more ? "+" : ""}${age}`;
}

/** `resize`, or `resize:live`. */
export function functionText(arn: string): string {
  const qualifier = qualifierOfArn(arn);
  return qualifier === undefined ? functionOfArn(arn) : `${functionOfArn(arn)}:${qualifier}`;
}

/** The state; a failing one says so. */
export function TriggerState({ status }: { status: TriggerStatus }) {
  if (status.state === "Enabled" && isFailing(status)) return <Badge tone="bad">Failing</Badge>;
  return <Status status={status.state} />;
}

/** Whether its last call failed. */
export function isFailing(status: TriggerStatus): boolean {
  return status.problem !== null || (status.lastProcessingResult ?? "").startsWith("PROBLEM");
}

/** What came of the last batch. */
export function LastResult({ result }: { result: string | null }) {
  if (result === null) return <span>-</span>;
  if (result === "OK") return <Badge tone="good">OK</Badge>;
  if (result === "No records processed") return <Badge tone="off">Nothing yet</Badge>;
  return <Badge tone="bad">{result.replace(/^PROBLEM: /, "")}</Badge>;
}
