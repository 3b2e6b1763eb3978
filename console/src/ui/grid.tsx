// A table of up to a hundred thousand rows and many columns, of which only the part that is seen exists.

import { Component, createRef } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { type Columns, useColumns, useWindow } from "./virtual.tsx";

/** A cell: its text, and a class for its kind. */
export interface Cell {
  text: string;
  kind?: string | undefined;
}

export interface GridColumn {
  id: string;
  label: string;
  /** In pixels. */
  width: number;
  /** Beside the label, such as "key". */
  note?: string | undefined;
}

export interface GridProps {
  /** What it holds, for screen readers. */
  label: string;
  columns: readonly GridColumn[];
  count: number;
  /** Changes whenever a row does. */
  version: unknown;
  cell: (row: number, column: string) => Cell;
  /** A row was pressed, or Enter on it. */
  onOpen: (row: number) => void;
  selected: ReadonlySet<number>;
  onSelect: (selected: Set<number>) => void;
}

export const ROW_HEIGHT = 32;
const CHECK_WIDTH = 40;

/** Arrow keys move, Enter opens, Space selects. */
export function Grid(props: GridProps) {
  const { columns, count, selected, onSelect } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const id = useId();
  const { first, last, most, above, total } = useWindow(scroller, count, ROW_HEIGHT);
  const visible = useColumns(scroller, columns, CHECK_WIDTH);
  const width = columns.reduce((sum, column) => sum + column.width, CHECK_WIDTH);
  const here = Math.min(active, Math.max(count - 1, 0));

  const toggle = (row: number) => {
    const next = new Set(selected);
    if (!next.delete(row)) next.add(row);
    onSelect(next);
  };
  const keys = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 2);
    const moves: { [key: string]: number } = {
      ArrowDown: here + 1,
      ArrowUp: here - 1,
      PageDown: here + page,
      PageUp: here - page,
      Home: 0,
      End: count - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) {
      const row = Math.max(0, Math.min(count - 1, to));
      setActive(row);
      show(scroller.current, row);
    } else if (event.key === "Enter") props.onOpen(here);
    else if (event.key === " ") toggle(here);
    else return;
    event.preventDefault();
  };
  // A shorter result begins at its top.
  useEffect(() => {
    if (count === 0) setActive(0);
  }, [count]);

  const all = count > 0 && selected.size === count;
  const rows = [];
  for (let row = first; row < last; row += 1) {
    rows.push(
      <Row
        // Rows that scroll out of sight become those that come into it.
        key={row % most}
        id={`${id}-${row}`}
        row={row}
        columns={visible}
        version={props.version}
        cell={props.cell}
        active={row === here}
        selected={selected.has(row)}
        onOpen={props.onOpen}
        onToggle={toggle}
      />,
    );
  }
  return (
    <div
      class="grid"
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label={props.label}
      aria-rowcount={count + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={count > 0 && here >= first && here < last ? `${id}-${here}` : undefined}
      aria-multiselectable="true"
      onKeyDown={keys}
    >
      <div role="rowgroup" class="grid-head" style={{ width: `${width}px` }}>
        <div role="row" class="grid-row" aria-rowindex={1}>
          <div role="columnheader" class="grid-check" aria-colindex={1}>
            <input
              type="checkbox"
              tabIndex={-1}
              aria-label="Select all rows"
              checked={all}
              onChange={() => onSelect(all ? new Set() : new Set(Array.from({ length: count }, (_, row) => row)))}
            />
          </div>
          {visible.seen.map((column, index) => (
            <div
              key={column.id}
              role="columnheader"
              class="grid-cell"
              style={place(visible, index)}
              aria-colindex={visible.first + index + 2}
              title={column.label}
            >
              <bdi>{column.label}</bdi>
              {column.note && <span class="grid-note">{column.note}</span>}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="grid-space" style={{ width: `${width}px`, height: `${total}px` }}>
        <div role="presentation" style={{ transform: `translateY(${above}px)` }}>
          {rows}
        </div>
      </div>
    </div>
  );
}

/** Scrolls as little as brings a row into view, below the head. */
function show(scroller: HTMLElement | null, row: number): void {
  if (!scroller) return;
  const top = row * ROW_HEIGHT;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  const room = scroller.clientHeight - 2 * ROW_HEIGHT;
  if (top > scroller.scrollTop + room) scroller.scrollTop = top - room;
}

/** How wide a cell is; the first that is rendered leaves room for those before it. */
function place({ seen, before }: Columns<GridColumn>, index: number): { width: string; marginLeft?: string } {
  const width = `${seen[index]?.width ?? 0}px`;
  return index === 0 ? { width, marginLeft: `${before}px` } : { width };
}

interface RowProps {
  id: string;
  row: number;
  columns: Columns<GridColumn>;
  version: unknown;
  cell: (row: number, column: string) => Cell;
  active: boolean;
  selected: boolean;
  onOpen: (row: number) => void;
  onToggle: (row: number) => void;
}

/** Rendered anew only when it has changed: scrolling leaves most rows as they are. */
class Row extends Component<RowProps> {
  #element = createRef<HTMLDivElement>();

  override shouldComponentUpdate(next: RowProps): boolean {
    const now = this.props;
    return (
      next.row !== now.row ||
      next.columns !== now.columns ||
      next.version !== now.version ||
      next.active !== now.active ||
      next.selected !== now.selected
    );
  }

  /** Another row now: what was marked or focused was in the one before. */
  override componentDidUpdate(before: RowProps): void {
    const element = this.#element.current;
    if (before.row === this.props.row || !element) return;
    if (element.contains(document.activeElement)) element.closest<HTMLElement>(".grid")?.focus({ preventScroll: true });
    const marked = getSelection();
    if (marked && !marked.isCollapsed && marked.containsNode(element, true)) marked.removeAllRanges();
  }

  override render({ id, row, columns, cell, active, selected }: RowProps) {
    return (
      <div
        role="row"
        ref={this.#element}
        id={id}
        class={active ? "grid-row grid-row-active" : "grid-row"}
        aria-rowindex={row + 2}
        aria-selected={selected}
        onClick={this.#open}
      >
        <div role="gridcell" class="grid-check" aria-colindex={1} onClick={stop}>
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={`Select row ${row + 1}`}
            checked={selected}
            onChange={() => this.props.onToggle(this.props.row)}
          />
        </div>
        {columns.seen.map((column, index) => {
          const { text, kind } = cell(row, column.id);
          return (
            <div
              key={column.id}
              role="gridcell"
              class={kind ? `grid-cell grid-${kind}` : "grid-cell"}
              style={place(columns, index)}
              aria-colindex={columns.first + index + 2}
            >
              <bdi>{text}</bdi>
            </div>
          );
        })}
      </div>
    );
  }

  #open = () => {
    // Who marks text in a row wants to copy it.
    if (getSelection()?.toString()) return;
    this.props.onOpen(this.props.row);
  };
}

function stop(event: Event): void {
  event.stopPropagation();
}
