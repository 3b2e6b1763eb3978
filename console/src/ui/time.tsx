// Moments: how long ago they were, and exactly when as the hint.

import { signal } from "@preact/signals";
import { ago, moment } from "../model/format.ts";

const STEP_MS = 1000;

/** The present, to the second, while the page is visible. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, STEP_MS);

/** "5 min ago"; the exact time when one points at it. */
export function Ago({ ms }: { ms: number }) {
  return (
    <time dateTime={new Date(ms).toISOString()} title={moment(ms)}>
      {ago(ms, now.value)}
    </time>
  );
}

/** The exact time. */
export function Moment({ ms }: { ms: number }) {
  return <time dateTime={new Date(ms).toISOString()}>{moment(ms)}</time>;
}
