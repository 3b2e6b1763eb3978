// What a search found, page by page. Items are in one growing list; `version` says when it changed.

import { signal } from "@preact/signals";
import { dynamodb } from "../../api/dynamodb.ts";
import { type ApiError, asApiError, isAbort } from "../../api/error.ts";
import type { ExecuteStatementInput, QueryInput, ScanInput } from "../../api/wire.ts";
import type { Item } from "../../model/value.ts";

/** A search as requests. */
export type Request =
  | { kind: "scan"; input: ScanInput }
  | { kind: "query"; input: QueryInput }
  | { kind: "statement"; input: ExecuteStatementInput };

/** More items than these are not kept: the page has to stay quick. */
export const ITEMS_MAX = 100_000;

/** One press of "more" looks for so many items, over as many pages as it takes, but reads no more pages than that. */
const STEP_ITEMS = 500;
const STEP_PAGES = 20;

export interface Progress {
  /** Requests that were answered. */
  pages: number;
  /** Items that were read to find those that are there. */
  scanned: number;
  /** How long the requests took together. */
  ms: number;
}

const NOTHING: Progress = { pages: 0, scanned: 0, ms: 0 };

export class Results {
  /** The items; the list is the same one all along. */
  readonly items: Item[] = [];
  /** Names of attributes, and in how many items each is. */
  readonly names = new Map<string, number>();
  readonly version = signal(0);
  readonly state = signal<"idle" | "loading" | "more" | "done" | "full">("idle");
  readonly error = signal<ApiError | undefined>(undefined);
  readonly progress = signal<Progress>(NOTHING);
  request: Request | undefined;
  #next: { key?: Item; token?: string } | undefined;
  #abort: AbortController | undefined;

  /** Begins a search anew. */
  async run(request: Request): Promise<void> {
    this.stop();
    this.request = request;
    this.items.length = 0;
    this.names.clear();
    this.#next = {};
    this.error.value = undefined;
    this.progress.value = NOTHING;
    this.version.value += 1;
    await this.more();
  }

  /** Goes on for one step. */
  more(): Promise<void> {
    const enough = this.items.length + STEP_ITEMS;
    const pages = this.progress.value.pages + STEP_PAGES;
    return this.#read(() => this.items.length >= enough || this.progress.value.pages >= pages, STEP_ITEMS);
  }

  /** Goes on to the end, or to as many as can be kept. */
  all(): Promise<void> {
    return this.#read(() => false, undefined);
  }

  /** Ends what is under way; what is there stays. */
  stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    if (this.state.value === "loading") this.#settle();
  }

  /** Puts another version of an item in place, or takes it out. */
  replace(index: number, item: Item | undefined): void {
    if (item) this.items[index] = item;
    else this.items.splice(index, 1);
    if (item) this.#count([item]);
    this.version.value += 1;
  }

  /** Adds an item that was just made at the top, where it is seen. */
  add(item: Item): void {
    this.items.unshift(item);
    this.#count([item]);
    this.version.value += 1;
  }

  /** Takes out those at these places. */
  removeAll(places: ReadonlySet<number>): void {
    const kept = this.items.filter((_, index) => !places.has(index));
    this.items.length = 0;
    for (const item of kept) this.items.push(item);
    this.version.value += 1;
  }

  async #read(enough: () => boolean, limit: number | undefined): Promise<void> {
    const request = this.request;
    if (!request || this.#abort) return;
    const abort = new AbortController();
    this.#abort = abort;
    this.state.value = "loading";
    this.error.value = undefined;
    try {
      while (this.#next && this.items.length < ITEMS_MAX && !abort.signal.aborted) {
        await this.#page(request, limit, abort.signal);
        if (enough()) break;
      }
    } catch (error) {
      if (!isAbort(error) && this.#abort === abort) this.error.value = asApiError(error);
    }
    if (this.#abort !== abort) return;
    this.#abort = undefined;
    this.#settle();
  }

  #settle(): void {
    const more = this.items.length < ITEMS_MAX ? "more" : "full";
    this.state.value = this.#next ? more : "done";
  }

  async #page(request: Request, limit: number | undefined, abort: AbortSignal): Promise<void> {
    const start = performance.now();
    const page = await this.#call(request, limit, abort);
    if (abort.aborted) return;
    for (const item of page.items) this.items.push(item);
    this.#count(page.items);
    this.#next = page.next;
    const { pages, scanned, ms } = this.progress.value;
    this.progress.value = {
      pages: pages + 1,
      scanned: scanned + (page.scanned ?? page.items.length),
      ms: ms + performance.now() - start,
    };
    this.version.value += 1;
  }

  async #call(request: Request, limit: number | undefined, abort: AbortSignal) {
    if (request.kind === "statement") {
      const more = this.#next?.token === undefined ? {} : { NextToken: this.#next.token };
      const page = await dynamodb("ExecuteStatement", { ...request.input, ...more }, abort);
      const next = page.NextToken === undefined ? undefined : { token: page.NextToken };
      return { items: page.Items ?? [], scanned: undefined, next };
    }
    const input = {
      ...request.input,
      ...(this.#next?.key ? { ExclusiveStartKey: this.#next.key } : {}),
      // With a filter, a limit would bound what is read and not what is found.
      ...(limit !== undefined && !request.input.FilterExpression ? { Limit: limit } : {}),
    };
    const page = await dynamodb(request.kind === "query" ? "Query" : "Scan", input, abort);
    const next = page.LastEvaluatedKey ? { key: page.LastEvaluatedKey } : undefined;
    return { items: page.Items ?? [], scanned: page.ScannedCount, next };
  }

  #count(items: readonly Item[]): void {
    for (const item of items) {
      for (const name of Object.keys(item)) this.names.set(name, (this.names.get(name) ?? 0) + 1);
    }
  }
}
