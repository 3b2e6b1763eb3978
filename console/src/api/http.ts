// Requests to the server that the console came from, and to no other.

import { ApiError, isAbort } from "./error.ts";

/** One request; a text answer. Throws `ApiError` for statuses from 400 on and when no answer comes. */
export async function request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, method, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError("Unreachable", "The server does not answer. Is it running?", 0);
  }
  if (response.ok) return response;
  throw failure(response, await response.text());
}

/** A request for JSON, with a JSON body if there is one. An empty answer is `undefined`. */
export async function requestJson<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { signal: signal ?? null };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json" };
  }
  const response = await request(method, path, init);
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

/** The three error envelopes: DynamoDB's `__type`, Lambda's header, and the server's own `message`. */
export function failure(response: Response, text: string): ApiError {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // A proxy's page or an empty body: the status has to do.
  }
  const { __type, message, Message, ...details } = body;
  const header = response.headers.get("x-amzn-errortype");
  const type = typeof __type === "string" ? (__type.split("#").pop() ?? __type) : header;
  const said = [message, Message].find((one) => typeof one === "string") as string | undefined;
  const fallback = `The server answered with status ${response.status}.`;
  return new ApiError(type ?? `Status${response.status}`, said ?? fallback, response.status, details);
}
