// Calls of the Lambda interface: functions, and the mappings that deliver streams to them.

import { request, requestJson } from "./http.ts";
import type {
  CreateEventSourceMappingRequest,
  CreateFunctionRequest,
  EventSourceMappingConfiguration,
  FunctionCode,
  FunctionConfiguration,
  GetFunctionResponse,
  ListEventSourceMappingsResponse,
  ListFunctionsResponse,
  UpdateEventSourceMappingRequest,
  UpdateFunctionConfigurationRequest,
} from "./wire.ts";

const ROOT = "/2015-03-31";

/** A mapping as it is listed; all have an id. */
export type Mapping = EventSourceMappingConfiguration & { UUID: string };

function functionPath(name: string): string {
  return `${ROOT}/functions/${encodeURIComponent(name)}`;
}

function mappingPath(uuid: string): string {
  return `${ROOT}/event-source-mappings/${encodeURIComponent(uuid)}`;
}

/** All mappings, or those of a stream or a function, over all pages. */
export async function listMappings(
  of: { EventSourceArn?: string; FunctionName?: string },
  signal?: AbortSignal,
): Promise<Mapping[]> {
  const all: EventSourceMappingConfiguration[] = [];
  let marker: string | undefined;
  do {
    const query = new URLSearchParams({ ...of, ...(marker !== undefined && { Marker: marker }) });
    const path = `${ROOT}/event-source-mappings?${query}`;
    const page = await requestJson<ListEventSourceMappingsResponse>("GET", path, undefined, signal);
    all.push(...(page.EventSourceMappings ?? []));
    marker = page.NextMarker;
  } while (marker !== undefined);
  return all.filter((one): one is Mapping => one.UUID !== undefined);
}

export function getMapping(uuid: string, signal?: AbortSignal): Promise<Mapping> {
  return requestJson("GET", mappingPath(uuid), undefined, signal);
}

export function createMapping(input: CreateEventSourceMappingRequest): Promise<Mapping> {
  return requestJson("POST", `${ROOT}/event-source-mappings`, input);
}

export function updateMapping(uuid: string, input: Omit<UpdateEventSourceMappingRequest, "UUID">): Promise<Mapping> {
  return requestJson("PUT", mappingPath(uuid), input);
}

export function deleteMapping(uuid: string): Promise<Mapping> {
  return requestJson("DELETE", mappingPath(uuid));
}

/** All functions, over all pages. */
export async function listFunctions(signal?: AbortSignal): Promise<FunctionConfiguration[]> {
  const all: FunctionConfiguration[] = [];
  let marker: string | undefined;
  do {
    const query = marker === undefined ? "" : `?${new URLSearchParams({ Marker: marker })}`;
    const page = await requestJson<ListFunctionsResponse>("GET", `${ROOT}/functions${query}`, undefined, signal);
    all.push(...(page.Functions ?? []));
    marker = page.NextMarker;
  } while (marker !== undefined);
  return all;
}

export function getFunction(name: string, signal?: AbortSignal): Promise<GetFunctionResponse> {
  return requestJson("GET", functionPath(name), undefined, signal);
}

/** Between looks at a function that is being made. */
const LOOK_MS = 150;
/** It is made within so long, or it is not waited for. */
const LOOKS_MAX = 100;

/** Creates a function, and waits until it can be called. */
export async function createFunction(input: CreateFunctionRequest): Promise<void> {
  await requestJson("POST", `${ROOT}/functions`, input);
  await settled(input.FunctionName);
}

async function settled(name: string): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const { Configuration } = await getFunction(name);
    if (Configuration?.State !== "Pending" && Configuration?.LastUpdateStatus !== "InProgress") return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

export async function updateFunctionCode(name: string, code: FunctionCode): Promise<void> {
  await requestJson("PUT", `${functionPath(name)}/code`, code);
  await settled(name);
}

export async function updateFunction(
  name: string,
  input: Omit<UpdateFunctionConfigurationRequest, "FunctionName">,
): Promise<void> {
  await requestJson("PUT", `${functionPath(name)}/configuration`, input);
  await settled(name);
}

export async function deleteFunction(name: string): Promise<void> {
  await request("DELETE", functionPath(name));
}

/** What came of a call. */
export interface Invoked {
  /** `Handled` or `Unhandled` if the function failed. */
  error: string | undefined;
  /** The answer, as text. */
  payload: string;
  /** The last lines of the log. */
  log: string;
}

/** Calls a function and waits for its answer. */
export async function invoke(name: string, payload: string, signal?: AbortSignal): Promise<Invoked> {
  const response = await request("POST", `${functionPath(name)}/invocations`, {
    body: payload,
    headers: { "X-Amz-Log-Type": "Tail", "Content-Type": "application/json" },
    signal: signal ?? null,
  });
  const log = response.headers.get("x-amz-log-result") ?? "";
  const bytes = Uint8Array.from(atob(log), (one) => one.charCodeAt(0));
  return {
    error: response.headers.get("x-amz-function-error") ?? undefined,
    payload: await response.text(),
    log: new TextDecoder().decode(bytes),
  };
}
