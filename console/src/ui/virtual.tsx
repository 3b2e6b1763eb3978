// Long lists: only the rows that can be seen exist, so that a hundred thousand scroll like twenty.

import type { ComponentChildren, RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

/** Rows kept ready above and below what can be seen. */
const SPARE = 6;

export interface Window {
  /** The rows to render: from `first`, before `last`. */
  first: number;
  last: number;
  /** The most rows that there are at a time, which stays while one scrolls. */
  most: number;
  /** Heights of what is left out above, and of all, for the element that holds the rows. */
  above: number;
  total: number;
}

/** Which rows of a scrolling element are to be rendered; renders again when that changes. */
export function useWindow(scroller: RefObject<HTMLElement | null>, count: number, rowHeight: number): Window {
  const [view, setView] = useState({ first: 0, last: 0, most: 1 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const look = () => {
      const first = Math.max(0, Math.floor(element.scrollTop / rowHeight) - SPARE);
      const last = Math.ceil((element.scrollTop + element.clientHeight) / rowHeight) + SPARE;
      const most = Math.ceil(element.clientHeight / rowHeight) + 1 + 2 * SPARE;
      setView((old) => (old.first === first && old.last === last ? old : { first, last, most }));
    };
    return watch(element, look);
  }, [scroller, rowHeight]);
  const last = Math.min(count, view.last);
  const first = Math.min(view.first, last);
  return { first, last, most: view.most, above: first * rowHeight, total: count * rowHeight };
}

/** Looks now, and whenever an element has scrolled or has another size, until what it gives back is called. */
function watch(element: HTMLElement, look: () => void): () => void {
  look();
  element.addEventListener("scroll", look, { passive: true });
  const resized = new ResizeObserver(look);
  resized.observe(element);
  return () => {
    element.removeEventListener("scroll", look);
    resized.disconnect();
  };
}

/** Pixels kept ready left and right of what can be seen. */
const SPARE_WIDTH = 240;

export interface Columns<Column> {
  /** The columns to render, and the index of the first. */
  seen: readonly Column[];
  first: number;
  /** The width of what is left out before them. */
  before: number;
}

/** Which columns of a scrolling element are to be rendered; `lead` is the width of what comes before the first. */
export function useColumns<Column extends { width: number }>(
  scroller: RefObject<HTMLElement | null>,
  columns: readonly Column[],
  lead: number,
): Columns<Column> {
  const [view, setView] = useState({ first: 0, last: 0 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const look = () => {
      const left = element.scrollLeft - lead - SPARE_WIDTH;
      const right = element.scrollLeft + element.clientWidth - lead + SPARE_WIDTH;
      let first = columns.length;
      let last = 0;
      let end = 0;
      columns.forEach(({ width }, index) => {
        const start = end;
        end += width;
        if (end <= left || start >= right) return;
        first = Math.min(first, index);
        last = index + 1;
      });
      setView((old) => (old.first === first && old.last === last ? old : { first, last }));
    };
    return watch(element, look);
  }, [scroller, columns, lead]);
  // The same ones for as long as the same are seen, so that rows are left as they are.
  return useMemo(() => {
    const first = Math.min(view.first, columns.length);
    const before = columns.slice(0, first).reduce((sum, { width }) => sum + width, 0);
    return { seen: columns.slice(first, view.last), first, before };
  }, [columns, view]);
}

/** Rows of one height below each other, such as live records. `row` renders the one at an index. */
export function VirtualList(props: {
  /** What it holds, for screen readers. */
  label: string;
  count: number;
  rowHeight: number;
  row: (index: number) => ComponentChildren;
  /** A stable key of the row at an index, so that rows are kept while others come and go. */
  rowKey?: (index: number) => string | number;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const { first, last, above, total } = useWindow(scroller, props.count, props.rowHeight);
  const rows: ComponentChildren[] = [];
  for (let index = first; index < last; index += 1) {
    rows.push(
      <li
        key={props.rowKey?.(index) ?? index}
        class="virtual-row"
        style={{ height: `${props.rowHeight}px` }}
        aria-setsize={props.count}
        aria-posinset={index + 1}
      >
        {props.row(index)}
      </li>,
    );
  }
  return (
    // What scrolls has to be reachable by the keyboard.
    <section class="virtual" ref={scroller} tabIndex={0} aria-label={props.label}>
      <div class="virtual-space" style={{ height: `${total}px` }}>
        <ul style={{ transform: `translateY(${above}px)` }}>{rows}</ul>
      </div>
    </section>
  );
}
