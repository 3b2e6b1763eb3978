// Small charts over time.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { moment } from "../model/format.ts";
import { isDark } from "../shell/theme.ts";
import type { ChartView } from "./uplot.ts";

/** One line of a chart: a value for each time, `null` where there is none. */
export interface Series {
  label: string;
  values: readonly (number | null)[];
}

/** Lines over time, with the newest values, or those under the pointer, in the legend. Times are in milliseconds. */
export function Chart(props: {
  /** What it shows, for screen readers. */
  label: string;
  times: readonly number[];
  series: readonly Series[];
  format: (value: number) => string;
  height?: number;
}) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<ChartView | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const pointed = useSignal<number | undefined>(undefined);
  const height = props.height ?? 140;
  const lines = props.series.length;
  const dark = isDark();

  // Another number of lines, or other colours, is another chart.
  useEffect(() => {
    let gone = false;
    import("./uplot.ts").then(({ openChart }) => {
      if (gone || !host.current) return;
      const format = (value: number) => latest.current.format(value);
      const point = (index: number | undefined) => {
        pointed.value = index;
      };
      view.current = openChart(host.current, { lines, format, height, point });
      view.current.setData(latest.current.times, latest.current.series);
    });
    return () => {
      gone = true;
      view.current?.close();
      view.current = undefined;
    };
  }, [lines, height, dark, pointed]);
  useEffect(() => view.current?.setData(props.times, props.series), [props.times, props.series]);

  const index = pointed.value ?? props.times.length - 1;
  const time = props.times[index];
  return (
    <figure class="chart">
      <figcaption>
        <span class="visually-hidden">{props.label}</span>
        {props.series.map((series, line) => (
          <span key={series.label} class="chart-name">
            <span class={`chart-swatch chart-swatch-${line + 1}`} aria-hidden="true" />
            {series.label} <b>{shown(series.values[index], props.format)}</b>
          </span>
        ))}
        {pointed.value !== undefined && time !== undefined && <span class="chart-time">{moment(time).slice(11)}</span>}
      </figcaption>
      <div ref={host} class="chart-host" style={{ height: `${height}px` }} aria-hidden="true" />
    </figure>
  );
}

function shown(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? "-" : format(value);
}

const WIDTH = 120;
const HEIGHT = 24;

/** A line without axes, as high as a row of a table. The newest value should stand beside it as text. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  const max = Math.max(...values, 0) || 1;
  const step = WIDTH / Math.max(values.length - 1, 1);
  const points = values.map((value, index) => {
    const y = HEIGHT - 2 - (value / max) * (HEIGHT - 4);
    return `${(index * step).toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={label}
    >
      {points.length > 1 && <polygon points={`0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`} />}
      {points.length > 1 && <polyline points={points.join(" ")} />}
    </svg>
  );
}
