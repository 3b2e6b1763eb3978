// The live records of a table: read as they come, the newest held, the rest counted.
//
// The log itself is what is behind: nothing has to be kept here that can be read again. So a pause keeps no records, it only counts
// them, and what it counted is read from the log when one goes on; and another filter reads again from where the list begins.

import { signal } from "@preact/signals";
import { type ApiError, asApiError, isAbort } from "../../api/error.ts";
import { readFeed } from "../../api/feed.ts";
import { EVENT_NAMES, type LiveRecord, type RecordFilter, recordTest, recordWeight } from "../../model/record.ts";
import { Ring } from "../../model/ring.ts";
import { justBefore } from "../../model/sequence.ts";

/** So many records are held at most, of so many bytes together. */
export const HELD_MAX = 20_000;
export const HELD_BYTES_MAX = 64 << 20;

/** Pauses between attempts to reach the server again. */
const RETRY_MS = [300, 1000, 2000, 5000];

/** A page that nobody looks at leaves its connection after so long; a browser has few for each server. */
const HIDDEN_MS = 30_000;

/** The rate is that of the last so many pieces of time. */
const RATE_STEP_MS = 500;
const RATE_STEPS = 4;

/** How the session is. */
export type Phase = "connecting" | "live" | "retrying" | "ended" | "failed";

/** One asked for it; one looks further down the list; the list is full of what one jumped to. */
export type Pause = "no" | "asked" | "scrolled" | "full";

/** What one looks at: where it begins, and which records. */
export interface Look {
  from: string;
  patterns: readonly string[];
  filter: RecordFilter;
}

/** Without a filter. */
export const EVERYTHING: RecordFilter = { events: new Set(EVENT_NAMES), key: "" };

export class LiveSession {
  /** Counts up once for each frame in which something changed. */
  readonly version = signal(0);
  readonly phase = signal<Phase>("connecting");
  /** Whether new records are only counted, and why. */
  readonly paused = signal<Pause>("no");
  /** Records that came during the pause. */
  readonly waiting = signal(0);
  /** Records of the stream per second, those that the filter passes over too. */
  readonly rate = signal(0);
  readonly error = signal<ApiError | undefined>(undefined);
  /** What the server says of records that were past their retention. */
  readonly lost = signal<string | undefined>(undefined);
  readonly ring = new Ring<LiveRecord>(HELD_MAX, HELD_BYTES_MAX);

  readonly #table: string;
  #look: Look;
  #test: (record: LiveRecord["record"]) => boolean;
  /** Behind everything that was read, and, in a pause, behind everything that was taken into the list. */
  #place: string | undefined;
  #keptTo: string | undefined;
  #abort: AbortController | undefined;
  #frame: number | undefined;
  /** What was jumped to stays until one goes on, also when more comes than can be held. */
  #keepsOldest: boolean;
  #waiting = 0;
  #arrived = 0;
  #steps: number[] = [];
  #clock: ReturnType<typeof setInterval> | undefined;
  #hidden: ReturnType<typeof setTimeout> | undefined;
  #rests = false;

  constructor(table: string, look: Look) {
    this.#table = table;
    this.#look = look;
    this.#test = recordTest(look.filter);
    this.#keepsOldest = look.from !== "latest";
  }

  get look(): Look {
    return this.#look;
  }

  /** Begins to read; the result ends it. */
  start(): () => void {
    this.#clock = setInterval(() => this.#measure(), RATE_STEP_MS);
    this.#read(this.#look.from);
    const look = () => this.#seen(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      clearTimeout(this.#hidden);
      clearInterval(this.#clock);
      this.#abort?.abort();
      if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
      this.#frame = undefined;
    };
  }

  /** Rests while nobody looks, and reads on from the same place afterwards. */
  #seen(visible: boolean): void {
    clearTimeout(this.#hidden);
    const reads = this.phase.value !== "ended" && this.phase.value !== "failed";
    if (visible && this.#rests) {
      this.#rests = false;
      this.#read(this.#place ?? this.#look.from);
    } else if (!visible && reads) {
      this.#hidden = setTimeout(() => {
        this.#rests = true;
        this.#abort?.abort();
      }, HIDDEN_MS);
    }
  }

  /** Goes to another place: what is there begins anew. */
  jump(from: string): void {
    this.#look = { ...this.#look, from };
    this.#keepsOldest = from !== "latest";
    this.#again();
  }

  /** Shows other records of the same stretch. */
  narrow(part: Partial<Pick<Look, "patterns" | "filter">>): void {
    this.#look = { ...this.#look, ...part, from: this.#begin() };
    this.#test = recordTest(this.#look.filter);
    this.#again();
  }

  /** Empties the list; it goes on with what comes. */
  clear(): void {
    this.jump(this.#place ?? "latest");
    this.#keepsOldest = false;
  }

  pause(why: Exclude<Pause, "no">): void {
    if (this.paused.value === "no") this.#keptTo = this.#place;
    this.paused.value = why;
  }

  /** Goes on where the pause began. */
  resume(): void {
    if (this.paused.value === "no") return;
    if (this.paused.value === "full") this.#keepsOldest = false;
    this.paused.value = "no";
    if (this.#waiting === 0) return;
    this.#waiting = 0;
    this.#draw();
    this.#read(this.#keptTo ?? this.#look.from);
  }

  /** Tries once more after a failure. */
  retry(): void {
    this.#read(this.#place ?? this.#look.from);
  }

  /** From here on the list has every record that fits; older ones were let go. */
  #begin(): string {
    const oldest = this.ring.get(this.ring.begin);
    if (this.ring.dropped > 0 && oldest) return justBefore(oldest.record.dynamodb.SequenceNumber);
    return this.#look.from;
  }

  #again(): void {
    this.ring.clear();
    this.#waiting = 0;
    this.paused.value = "no";
    this.lost.value = undefined;
    this.#place = undefined;
    this.#draw();
    this.#read(this.#look.from);
  }

  #read(from: string): void {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.error.value = undefined;
    this.phase.value = "connecting";
    void this.#readOn(from, abort.signal);
  }

  /** Reads, over broken connections, until the end of the stream or a failure. */
  async #readOn(from: string, signal: AbortSignal): Promise<void> {
    let place = from;
    let attempt = 0;
    for (;;) {
      try {
        const end = await readFeed({
          table: this.#table,
          from: place,
          patterns: this.#look.patterns,
          signal,
          onStart: (_stream, behind) => {
            attempt = 0;
            this.phase.value = "live";
            // "Now" is a place that one can come back to.
            if (behind !== undefined && this.#look.from === "latest") this.#look = { ...this.#look, from: behind };
            if (behind !== undefined) place = this.#reached(behind);
          },
          onRecords: (records) => this.#take(records),
          onPlace: (sequence) => {
            place = this.#reached(sequence);
          },
          onLost: (message) => {
            this.lost.value = message;
          },
        });
        if (end === "end") {
          this.phase.value = "ended";
          return;
        }
      } catch (error) {
        if (isAbort(error) || signal.aborted) return;
        const failure = asApiError(error);
        if (failure.type !== "Unreachable") {
          this.error.value = failure;
          this.phase.value = "failed";
          return;
        }
      }
      if (signal.aborted) return;
      this.phase.value = "retrying";
      await pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 0, signal);
      attempt += 1;
      if (signal.aborted) return;
    }
  }

  #reached(sequence: string): string {
    this.#place = sequence;
    return sequence;
  }

  #take(records: readonly LiveRecord[]): void {
    this.#arrived += records.length;
    if (this.paused.value !== "no") {
      this.#waiting += records.filter(({ record }) => this.#test(record)).length;
      if (this.#waiting !== this.waiting.value) this.#draw();
      return;
    }
    const before = this.ring.end;
    for (const [index, one] of records.entries()) {
      if (!this.#test(one.record)) continue;
      if (this.#keepsOldest && !this.ring.fits(recordWeight(one))) {
        this.#fill(records.slice(index));
        break;
      }
      this.ring.push(one, recordWeight(one));
    }
    if (this.ring.end !== before) this.#draw();
  }

  /** The list is full: the rest waits. */
  #fill(rest: readonly LiveRecord[]): void {
    const newest = this.ring.get(this.ring.end - 1);
    this.paused.value = "full";
    this.#keptTo = newest?.record.dynamodb.SequenceNumber;
    this.#waiting = rest.filter(({ record }) => this.#test(record)).length;
  }

  /** Once for each frame, however many records come. */
  #draw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.waiting.value = this.#waiting;
      this.version.value += 1;
    });
  }

  #measure(): void {
    this.#steps = [...this.#steps, this.#arrived].slice(-RATE_STEPS);
    this.#arrived = 0;
    const sum = this.#steps.reduce((all, one) => all + one, 0);
    this.rate.value = (sum * 1000) / (this.#steps.length * RATE_STEP_MS);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
