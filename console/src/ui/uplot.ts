// uPlot, in the console's colours. A chunk of its own.

import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Series } from "./chart.tsx";

export interface ChartView {
  setData(times: readonly number[], series: readonly Series[]): void;
  close(): void;
}

interface Options {
  lines: number;
  format: (value: number) => string;
  height: number;
  /** Told the index under the pointer, or nothing when it leaves. */
  point: (index: number | undefined) => void;
}

const SPAN_MIN_MS = 60_000;

const LINES = ["--chart-1", "--chart-2", "--chart-3", "--chart-4"];

/** Opens a chart inside of an element, as wide as that is. */
export function openChart(host: HTMLElement, options: Options): ChartView {
  const text = colour(host, "--text-3");
  const grid = { stroke: colour(host, "--line"), width: 1 };
  const axis = { stroke: text, grid, ticks: { show: false }, font: `11px ${getComputedStyle(host).fontFamily}` };
  const plot = new UPlot(
    {
      width: Math.max(host.clientWidth, 100),
      height: options.height,
      ms: 1,
      padding: [8, 24, 0, 0],
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      legend: { show: false },
      scales: {
        // A line that has just begun does not fill the chart.
        x: { time: true, range: (_plot, min, max) => [Math.min(min, max - SPAN_MIN_MS), max] },
        y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
      },
      axes: [
        { ...axis, size: 24, space: 70, values: (_plot, ticks) => ticks.map(clock) },
        { ...axis, size: 56, space: 30, values: (_plot, ticks) => named(ticks.map(options.format)) },
      ],
      series: [
        {},
        ...Array.from({ length: options.lines }, (_, index) => ({
          stroke: colour(host, LINES[index % LINES.length] ?? "--text"),
          width: 1.5,
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [(chart) => options.point(chart.cursor.idx ?? undefined)] },
    },
    [[], ...Array.from({ length: options.lines }, () => [])],
    host,
  );
  const resized = new ResizeObserver(() => {
    plot.setSize({ width: Math.max(host.clientWidth, 100), height: options.height });
  });
  resized.observe(host);
  return {
    setData: (times, series) => plot.setData([[...times], ...series.map(({ values }) => [...values])]),
    close: () => {
      resized.disconnect();
      plot.destroy();
    },
  };
}

/** A token as the colour that it is now: a canvas does not know `var()`. */
function colour(host: HTMLElement, token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  host.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Of lines of the grid that would be called the same, as halves of whole numbers are, the highest keeps the name. */
function named(texts: readonly string[]): string[] {
  return texts.map((text, index) => (text === texts[index + 1] ? "" : text));
}

function clock(ms: number): string {
  const date = new Date(ms);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
