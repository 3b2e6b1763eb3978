// The text form of Prometheus, and rates from two looks at its counters.

/** A line: its labels and its value. */
export interface Sample {
  labels: { [name: string]: string };
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** All samples by the name of their metric. Lines that are none are left out. */
export function parseMetrics(text: string): Map<string, Sample[]> {
  const metrics = new Map<string, Sample[]>();
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (!found) continue;
    const [, name = "", labels = "", value = ""] = found;
    const sample = { labels: parseLabels(labels), value: Number(value) };
    const known = metrics.get(name);
    if (known) known.push(sample);
    else metrics.set(name, [sample]);
  }
  return metrics;
}

function parseLabels(text: string): { [name: string]: string } {
  const unescaped = (value: string) => value.replace(/\\(.)/g, (_, mark) => (mark === "n" ? "\n" : mark));
  return Object.fromEntries([...text.matchAll(LABEL)].map(([, name, value]) => [name, unescaped(value ?? "")]));
}

/** What the dashboard charts of one look at the server. All but the time are counters since the server's start. */
export interface Counters {
  ms: number;
  /** Another start is another server: its counters begin anew. */
  started: number;
  reads: number;
  writes: number;
  requests: number;
  microseconds: number;
  errors: number;
  /** Reads and writes of each table. */
  tables: ReadonlyMap<string, { reads: number; writes: number }>;
}

/** Per second between two looks. */
export interface Rates {
  ms: number;
  reads: number;
  writes: number;
  requests: number;
  errors: number;
  /** Mean time of a request in milliseconds; `null` if there was none. */
  latency: number | null;
  tables: ReadonlyMap<string, { reads: number; writes: number }>;
}

/** The rates between two looks; `undefined` over a restart of the server, or without time between. */
export function ratesBetween(before: Counters, after: Counters): Rates | undefined {
  const seconds = (after.ms - before.ms) / 1000;
  if (after.started !== before.started || seconds <= 0) return undefined;
  const per = (later: number, earlier: number) => Math.max(0, later - earlier) / seconds;
  const requests = after.requests - before.requests;
  const tables = new Map(
    [...after.tables].map(([name, now]) => {
      const then = before.tables.get(name) ?? { reads: 0, writes: 0 };
      return [name, { reads: per(now.reads, then.reads), writes: per(now.writes, then.writes) }];
    }),
  );
  return {
    ms: after.ms,
    reads: per(after.reads, before.reads),
    writes: per(after.writes, before.writes),
    requests: per(after.requests, before.requests),
    errors: per(after.errors, before.errors),
    latency: requests > 0 ? (after.microseconds - before.microseconds) / requests / 1000 : null,
    tables,
  };
}

/** The sum of a metric over its labels. */
export function total(metrics: ReadonlyMap<string, Sample[]>, name: string): number {
  return (metrics.get(name) ?? []).reduce((sum, sample) => sum + sample.value, 0);
}
