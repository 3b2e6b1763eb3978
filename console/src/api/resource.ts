// Data that a page shows: loaded, kept while it is shown, loaded again when asked or by the clock.

import { type Signal, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { type ApiError, asApiError, isAbort } from "./error.ts";

/** What a page knows of one thing that it loads. */
export interface Resource<T> {
  /** The newest value, also while it is loaded again or after a later failure. */
  readonly data: Signal<T | undefined>;
  /** Why the last attempt failed. */
  readonly error: Signal<ApiError | undefined>;
  /** Whether a request is under way. */
  readonly loading: Signal<boolean>;
  /** Loads again; ends when that is done. */
  reload(): Promise<void>;
  /** Puts a value in place that is known without a request, such as the answer to a change. */
  set(value: T): void;
}

export interface ResourceOptions {
  /** Load again after so many milliseconds, while the page is visible. */
  every?: number;
}

/** Values of resources that were shown before, so that going back shows them at once. */
const seen = new Map<string, unknown>();
const SEEN_MAX = 200;

/**
 * Loads while the component is shown. `key` names what is loaded, in the whole console; another key loads anew.
 * Values with the same key are shown at once, until the new ones are there.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  options: ResourceOptions = {},
): Resource<T> {
  // The key stands for everything that `load` closes over.
  const own = useMemo(() => new Loader<T>(key, load, options.every), [key, options.every]);
  useEffect(() => own.start(), [own]);
  return own;
}

/** Forgets what is known under keys with that beginning; used after changes that make it stale. */
export function forget(prefix: string): void {
  for (const key of [...seen.keys()]) if (key.startsWith(prefix)) seen.delete(key);
}

class Loader<T> implements Resource<T> {
  readonly data: Signal<T | undefined>;
  readonly error = signal<ApiError | undefined>(undefined);
  readonly loading = signal(true);
  readonly #key: string;
  readonly #load: (signal: AbortSignal) => Promise<T>;
  readonly #every: number | undefined;
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #started = false;

  constructor(key: string, load: (signal: AbortSignal) => Promise<T>, every: number | undefined) {
    this.#key = key;
    this.#load = load;
    this.#every = every;
    this.data = signal(seen.get(key) as T | undefined);
    // It is handed on by itself, such as to the button that tries again.
    this.reload = this.reload.bind(this);
  }

  /** Begins to load; the result ends it. */
  start(): () => void {
    this.#started = true;
    void this.reload();
    const wake = () => {
      if (document.visibilityState === "visible" && this.#every !== undefined) void this.reload();
    };
    document.addEventListener("visibilitychange", wake);
    return () => {
      this.#started = false;
      document.removeEventListener("visibilitychange", wake);
      clearTimeout(this.#timer);
      this.#abort?.abort();
    };
  }

  async reload(): Promise<void> {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.loading.value = true;
    try {
      this.set(await this.#load(abort.signal));
    } catch (error) {
      if (isAbort(error) || abort.signal.aborted) return;
      this.error.value = asApiError(error);
    }
    if (abort.signal.aborted) return;
    this.loading.value = false;
    if (this.#every !== undefined && this.#started) this.#timer = setTimeout(() => this.#again(), this.#every);
  }

  set(value: T): void {
    if (seen.size >= SEEN_MAX) seen.delete(seen.keys().next().value as string);
    seen.set(this.#key, value);
    this.data.value = value;
    this.error.value = undefined;
  }

  #again(): void {
    if (document.visibilityState === "visible") void this.reload();
  }
}
