// Looks at the server every two seconds, and keeps the rates of the last minutes, also while one looks at other pages.

import { computed, signal } from "@preact/signals";
import { metricsText, type Overview, overview } from "../../api/own.ts";
import { type Counters, parseMetrics, type Rates, ratesBetween, total } from "../../model/metrics.ts";

export const EVERY_MS = 2000;

/** Five minutes of looks. */
const KEPT = 150;

const rates = signal<readonly Rates[]>([]);
let last: Counters | undefined;

/** The rates, the newest last. */
export const history = computed(() => rates.value);

/** One look. */
export async function look(abort: AbortSignal): Promise<Overview> {
  const [server, metrics] = await Promise.all([overview(abort), metricsText(abort)]);
  const now = countersOf(server, metrics);
  const between = last && ratesBetween(last, now);
  // After a restart, or when nobody looked for long, the line begins anew.
  if (between) rates.value = [...rates.value, between].slice(-KEPT);
  else if (last && last.started !== now.started) rates.value = [];
  last = now;
  return server;
}

function countersOf(server: Overview, text: string): Counters {
  const metrics = parseMetrics(text);
  const sum = (pick: (table: Overview["tables"][number]) => number) =>
    server.tables.reduce((all, table) => all + pick(table), 0);
  return {
    ms: server.now_ms,
    started: server.started_ms,
    reads: sum((table) => table.reads),
    writes: sum((table) => table.writes),
    requests: total(metrics, "headwater_requests_total"),
    microseconds: total(metrics, "headwater_microseconds_total"),
    errors: total(metrics, "headwater_client_errors_total") + total(metrics, "headwater_server_errors_total"),
    tables: new Map(server.tables.map(({ name, reads, writes }) => [name, { reads, writes }])),
  };
}
