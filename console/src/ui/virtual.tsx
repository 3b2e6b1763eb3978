// Long lists: only the rows that can be seen exist, so that a hundred thousand scroll like twenty.

import type { ComponentChildren, RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows kept ready above and below what can be seen. */
const SPARE = 10;

export interface Window {
  /** The rows to render: from `first`, before `last`. */
  first: number;
  last: number;
  /** Heights of what is left out above, and of all, for the element that holds the rows. */
  above: number;
  total: number;
}

/** Which rows of a scrolling element are to be rendered; renders again when that changes. */
export function useWindow(scroller: RefObject<HTMLElement | null>, count: number, rowHeight: number): Window {
  const [view, setView] = useState({ first: 0, last: 0 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const look = () => {
      const first = Math.max(0, Math.floor(element.scrollTop / rowHeight) - SPARE);
      const last = Math.ceil((element.scrollTop + element.clientHeight) / rowHeight) + SPARE;
      setView((old) => (old.first === first && old.last === last ? old : { first, last }));
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const resized = new ResizeObserver(look);
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      resized.disconnect();
    };
  }, [scroller, rowHeight]);
  const last = Math.min(count, view.last);
  const first = Math.min(view.first, last);
  return { first, last, above: first * rowHeight, total: count * rowHeight };
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
