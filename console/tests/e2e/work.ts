// How long a page's main thread computes, in time of the processor: waiting for a busy machine does not count.

import type { Browser, Page } from "@playwright/test";

export interface Work {
  /** Milliseconds of the processor in all. */
  total: number;
  /** And in the longest task: so long, input waits at most. */
  longest: number;
}

interface Traced {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  /** Microseconds of a clock that all events share. */
  ts: number;
  /** Microseconds of the processor, of what has a beginning and an end. */
  tdur?: number;
  args: { name?: string };
}

/** What the main thread of a page does until `during` has ended. */
export async function workWhile<T>(browser: Browser, page: Page, during: () => Promise<T>): Promise<[Work, T]> {
  // Nothing beside: what is traced takes time too, and the buffer has an end.
  await browser.startTracing(page, { categories: ["-*", "disabled-by-default-devtools.timeline"] });
  const begun = performance.now();
  const result = await during();
  const took = performance.now() - begun;
  const trace = await browser.stopTracing();
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: Traced[] };
  const thread = ({ pid, tid }: Traced) => `${pid}/${tid}`;
  const named = traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
  const works = new Map(named.map((event) => [thread(event), { total: 0, longest: 0, from: Infinity, to: 0 }]));
  for (const event of traceEvents) {
    const work = works.get(thread(event));
    if (!work || event.ph !== "X" || event.name !== "RunTask") continue;
    const tookMs = (event.tdur ?? Number.NaN) / 1000;
    work.total += tookMs;
    work.longest = Math.max(work.longest, tookMs);
    work.from = Math.min(work.from, event.ts / 1000);
    work.to = Math.max(work.to, event.ts / 1000);
  }
  // The browser may keep others at hand, which do next to nothing.
  const busiest = [...works.values()].sort((a, b) => b.total - a.total)[0];
  if (!busiest) throw new Error("the trace has no main thread of a page");
  if (busiest.to - busiest.from < took / 2) throw new Error("the trace ends before its time: its buffer was full");
  return [busiest, result];
}
