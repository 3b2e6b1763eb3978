// The changes of a table as they are made: `GET /streams/TABLE/events`, pushed by the server.

import { EventReader } from "../model/events.ts";
import type { LiveRecord } from "../model/record.ts";
import { ApiError, isAbort } from "./error.ts";
import { request } from "./http.ts";

/** Most records in one event; they are never waited for. */
const BATCH = 1000;

/** The server says that it is there every 15 seconds; after three times that it is not. */
const SILENCE_MAX_MS = 45_000;

/** Work goes on for so long before the page gets its turn. */
const SLICE_MS = 8;

export interface FeedOptions {
  table: string;
  /** `latest`, `horizon`, a sequence number to go on behind, or `@` and milliseconds since 1970. */
  from: string;
  /** Filter patterns, of which one has to match. */
  patterns: readonly string[];
  signal: AbortSignal;
  /** The feed has begun, behind that sequence number if that is known. */
  onStart: (stream: string, behind: string | undefined) => void;
  onRecords: (records: readonly LiveRecord[]) => void;
  /** The place from which another feed would go on, also where no record matched. */
  onPlace: (sequence: string) => void;
  /** Records were past their retention before they were read. */
  onLost: (message: string) => void;
}

/**
 * Reads until the stream is disabled and read to its end (`end`), or the connection breaks off (`cut`). Throws `ApiError` when the
 * server refuses or fails, and the abort of `signal`. Who reads slowly is sent what comes later: nothing piles up here.
 */
export async function readFeed(options: FeedOptions): Promise<"end" | "cut"> {
  const query = new URLSearchParams({ from: options.from, batch: String(BATCH) });
  for (const pattern of options.patterns) query.append("filter", pattern);
  const path = `/streams/${encodeURIComponent(options.table)}/events?${query}`;
  // Its own abort: silence ends the connection, not the caller's work.
  const connection = new AbortController();
  const leave = () => connection.abort();
  options.signal.addEventListener("abort", leave);
  let timer = setTimeout(leave, SILENCE_MAX_MS);
  try {
    const response = await request("GET", path, { signal: connection.signal });
    const reader = response.body?.getReader();
    if (!reader) return "cut";
    const decoder = new TextDecoder();
    const events = new EventReader();
    let slice = performance.now();
    for (;;) {
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return "cut";
      timer = setTimeout(leave, SILENCE_MAX_MS);
      for (const event of events.read(decoder.decode(value, { stream: true }))) {
        if (event.event === "end") return "end";
        tell(options, event.event, event.data, event.id);
        if (performance.now() - slice > SLICE_MS) {
          await turn();
          options.signal.throwIfAborted();
          slice = performance.now();
        }
      }
      if (events.lastId !== "") options.onPlace(events.lastId);
    }
  } catch (error) {
    if (options.signal.aborted) throw error;
    if (isAbort(error) || error instanceof TypeError) return "cut";
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", leave);
    connection.abort();
  }
}

function tell(options: FeedOptions, event: string, data: string, id: string): void {
  if (event === "records") {
    options.onRecords(JSON.parse(data) as LiveRecord[]);
    options.onPlace(id);
  } else if (event === "start") {
    options.onStart((JSON.parse(data) as { stream: string }).stream, id === "" ? undefined : id);
  } else if (event === "lost") {
    options.onLost((JSON.parse(data) as { message: string }).message);
  } else if (event === "failure") {
    throw new ApiError("InternalServerError", (JSON.parse(data) as { message: string }).message, 500);
  }
}

const channel = new MessageChannel();

/** Lets the page draw and take input; unlike a timer it comes back at once. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    channel.port1.onmessage = () => resolve();
    channel.port2.postMessage(undefined);
  });
}
