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
  /** Microseconds of the processor, of what has a beginning and an end. */
  tdur?: number;
  args: { name?: string };
}

/** What the main thread of a page does until `during` has ended. */
export async function workWhile<T>(browser: Browser, page: Page, during: () => Promise<T>): Promise<[Work, T]> {
  await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline"] });
  const result = await during();
  const trace = await browser.stopTracing();
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: Traced[] };
  const thread = ({ pid, tid }: Traced) => `${pid}/${tid}`;
  const named = traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain");
  const works = new Map(named.map((event) => [thread(event), { total: 0, longest: 0 }]));
  for (const event of traceEvents) {
    const work = works.get(thread(event));
    if (!work || event.ph !== "X" || event.name !== "RunTask") continue;
    const took = (event.tdur ?? Number.NaN) / 1000;
    work.total += took;
    work.longest = Math.max(work.longest, took);
  }
  // The browser may keep others at hand, which do next to nothing.
  const busiest = [...works.values()].sort((a, b) => b.total - a.total)[0];
  if (!busiest) throw new Error("the trace has no main thread of a page");
  return [busiest, result];
}
