import { expect, test } from "vitest";
import { type Counters, parseMetrics, ratesBetween, total } from "./metrics.ts";

test("the text form of Prometheus", () => {
  const metrics = parseMetrics(`# HELP x A thing
# TYPE x counter
x{operation="PutItem",odd="a\\"b\\\\c"} 3
x{operation="GetItem"} 4.5
y 1e3
not a metric
z{} 7 1700000000
`);
  expect(metrics.get("x")?.[0]).toEqual({ labels: { operation: "PutItem", odd: 'a"b\\c' }, value: 3 });
  expect(total(metrics, "x")).toBe(7.5);
  expect([total(metrics, "y"), total(metrics, "z"), total(metrics, "none")]).toEqual([1000, 7, 0]);
});

const BEFORE: Counters = {
  ms: 10_000,
  started: 1,
  reads: 10,
  writes: 5,
  requests: 15,
  microseconds: 3000,
  errors: 0,
  tables: new Map([["a", { reads: 10, writes: 5 }]]),
};

test("rates are differences over time", () => {
  const after: Counters = {
    ...BEFORE,
    ms: 12_000,
    reads: 14,
    writes: 25,
    requests: 40,
    microseconds: 53_000,
    errors: 1,
    tables: new Map([
      ["a", { reads: 14, writes: 5 }],
      ["new", { reads: 0, writes: 20 }],
    ]),
  };
  expect(ratesBetween(BEFORE, after)).toEqual({
    ms: 12_000,
    reads: 2,
    writes: 10,
    requests: 12.5,
    errors: 0.5,
    latency: 2,
    tables: new Map([
      ["a", { reads: 2, writes: 0 }],
      ["new", { reads: 0, writes: 10 }],
    ]),
  });
});

test("a restart, or no time, gives no rates; no request has no latency", () => {
  expect(ratesBetween(BEFORE, { ...BEFORE, ms: 12_000, started: 2 })).toBeUndefined();
  expect(ratesBetween(BEFORE, BEFORE)).toBeUndefined();
  expect(ratesBetween(BEFORE, { ...BEFORE, ms: 11_000 })?.latency).toBeNull();
});
