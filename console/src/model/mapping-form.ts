// The settings of a mapping as one fills them in, and in plain words.

import type {
  CreateEventSourceMappingRequest,
  EventSourceMappingConfiguration,
  EventSourcePosition,
  UpdateEventSourceMappingRequest,
} from "../api/wire.ts";
import { count, duration } from "./format.ts";

/** What was typed; empty numbers stand for the value that a hint names. */
export interface MappingForm {
  start: Extract<EventSourcePosition, "TRIM_HORIZON" | "LATEST">;
  batchSize: string;
  windowSeconds: string;
  parallel: string;
  retries: string;
  maxAgeSeconds: string;
  bisect: boolean;
  reportsFailures: boolean;
  tumblingSeconds: string;
  destination: string;
  patterns: string[];
}

export const NEW_MAPPING: MappingForm = {
  start: "LATEST",
  batchSize: "100",
  windowSeconds: "0",
  parallel: "1",
  retries: "",
  maxAgeSeconds: "",
  bisect: false,
  reportsFailures: false,
  tumblingSeconds: "0",
  destination: "",
  patterns: [],
};

/** So many patterns at most. */
export const PATTERNS_MAX = 10;

/** A mapping that is there, to change it. */
export function formOf(mapping: EventSourceMappingConfiguration): MappingForm {
  const number = (value: number | undefined, unset: number) =>
    value === undefined || value === unset ? "" : String(value);
  return {
    start: mapping.StartingPosition === "TRIM_HORIZON" ? "TRIM_HORIZON" : "LATEST",
    batchSize: String(mapping.BatchSize ?? 100),
    windowSeconds: String(mapping.MaximumBatchingWindowInSeconds ?? 0),
    parallel: String(mapping.ParallelizationFactor ?? 1),
    retries: number(mapping.MaximumRetryAttempts, -1),
    maxAgeSeconds: number(mapping.MaximumRecordAgeInSeconds, -1),
    bisect: mapping.BisectBatchOnFunctionError === true,
    reportsFailures: (mapping.FunctionResponseTypes ?? []).includes("ReportBatchItemFailures"),
    tumblingSeconds: String(mapping.TumblingWindowInSeconds ?? 0),
    destination: mapping.DestinationConfig?.OnFailure?.Destination ?? "",
    patterns: (mapping.FilterCriteria?.Filters ?? []).map((filter) => filter.Pattern ?? ""),
  };
}

interface Bounds {
  min: number;
  max: number;
  /** It may be left out. */
  optional?: boolean;
}

const BOUNDS = {
  batchSize: { min: 1, max: 10_000 },
  windowSeconds: { min: 0, max: 300 },
  parallel: { min: 1, max: 10 },
  retries: { min: 0, max: 10_000, optional: true },
  maxAgeSeconds: { min: 60, max: 604_800, optional: true },
  tumblingSeconds: { min: 0, max: 900 },
} as const satisfies { [field: string]: Bounds };

type NumberField = keyof typeof BOUNDS;

/** What is wrong, by field. */
export type MappingProblems = Partial<Record<NumberField | "destination", string>>;

export function mappingProblems(form: MappingForm): MappingProblems {
  const problems: MappingProblems = {};
  for (const [field, bounds] of Object.entries(BOUNDS) as [NumberField, Bounds][]) {
    const text = form[field].trim();
    if (text === "" && bounds.optional) continue;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= bounds.min && value <= bounds.max) continue;
    problems[field] = `A number from ${bounds.min} to ${count(bounds.max)}${bounds.optional ? ", or nothing" : ""}.`;
  }
  if (form.destination.trim() !== "" && !/^arn:[^:]*:(sqs|sns|s3):/.test(form.destination.trim())) {
    problems.destination = "The ARN of an SQS queue, an SNS topic or an S3 bucket.";
  }
  return problems;
}

type Settings = Omit<UpdateEventSourceMappingRequest, "UUID" | "FunctionName" | "Enabled">;

/** What Create and Update take, all of it: what was emptied is unset. */
export function settingsOf(form: MappingForm): Settings {
  const optional = (text: string) => (text.trim() === "" ? -1 : Number(text));
  const destination = form.destination.trim();
  return {
    BatchSize: Number(form.batchSize),
    MaximumBatchingWindowInSeconds: Number(form.windowSeconds),
    ParallelizationFactor: Number(form.parallel),
    MaximumRetryAttempts: optional(form.retries),
    MaximumRecordAgeInSeconds: optional(form.maxAgeSeconds),
    BisectBatchOnFunctionError: form.bisect,
    FunctionResponseTypes: form.reportsFailures ? ["ReportBatchItemFailures"] : [],
    TumblingWindowInSeconds: Number(form.tumblingSeconds),
    DestinationConfig: { OnFailure: destination === "" ? {} : { Destination: destination } },
    FilterCriteria: { Filters: form.patterns.filter((one) => one.trim() !== "").map((Pattern) => ({ Pattern })) },
  };
}

export function createInput(form: MappingForm, stream: string, functionName: string): CreateEventSourceMappingRequest {
  return { EventSourceArn: stream, FunctionName: functionName, StartingPosition: form.start, ...settingsOf(form) };
}

/** The settings in sentences. A form with problems has none. */
export function mappingWords(form: MappingForm): string[] {
  if (Object.keys(mappingProblems(form)).length > 0) return [];
  const settings = settingsOf(form);
  const words = [deliveryWords(settings), failureWords(settings, form.destination.trim())];
  if (form.bisect)
    words.push("A batch that failed is halved at once, so that one bad record does not keep the others.");
  if (form.reportsFailures)
    words.push("The function may answer which records failed; only those and what follows come again.");
  const patterns = settings.FilterCriteria?.Filters?.length ?? 0;
  if (patterns > 0) {
    words.push(
      `Only records that match ${patterns === 1 ? "the pattern" : `one of ${patterns} patterns`} are delivered.`,
    );
  }
  const tumbling = settings.TumblingWindowInSeconds ?? 0;
  if (tumbling > 0)
    words.push(`Records are gathered in windows of ${duration(tumbling * 1000)}, with a state that goes along.`);
  return words;
}

function deliveryWords(settings: Settings): string {
  const batch = settings.BatchSize ?? 0;
  const wait = settings.MaximumBatchingWindowInSeconds ?? 0;
  const parallel = settings.ParallelizationFactor ?? 1;
  const many = batch === 1 ? "One record is" : `Up to ${count(batch)} records are`;
  const when = wait === 0 ? "as soon as they are there" : `when the batch is full, or after ${duration(wait * 1000)}`;
  const calls = parallel === 1 ? "one call at a time" : `up to ${parallel} calls at once`;
  return `${many} sent in one call, ${when}; ${calls} for each shard.`;
}

function failureWords(settings: Settings, destination: string): string {
  const retries = settings.MaximumRetryAttempts ?? -1;
  const age = settings.MaximumRecordAgeInSeconds ?? -1;
  const place = destination === "" ? "the dead-letter store" : "the destination";
  const old = age < 0 ? "" : ` its records are older than ${duration(age * 1000)}`;
  if (retries === 0) return `A batch that fails goes into ${place} at once.`;
  if (retries > 0) {
    const times = retries === 1 ? "once more" : `${count(retries)} times more`;
    return `A batch that fails is tried ${times}${old && `, or until${old}`}; then it goes into ${place}.`;
  }
  if (old) return `A batch that fails is tried again until${old}; then it goes into ${place}.`;
  return `A batch that fails is tried again until its records expire, and keeps its shard waiting; then it goes into ${place}.`;
}
