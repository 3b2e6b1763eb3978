// Tables of some hundred rows at most; thousands belong into the virtual list.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

export interface Column<Row> {
  id: string;
  label: ComponentChildren;
  cell: (row: Row) => ComponentChildren;
  /** Makes the column sortable: what its rows are ordered by. */
  sort?: (row: Row) => string | number;
  /** Numbers stand to the right. */
  right?: boolean;
  /** Left out where there is little room. */
  wide?: boolean;
}

interface Order {
  id: string;
  down: boolean;
}

/** Rows in columns, sortable by the heads that can be. */
export function Table<Row>(props: {
  /** What the table holds, for screen readers. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  order?: Order;
}) {
  const [order, setOrder] = useState(props.order);
  const rows = sorted(props.rows, props.columns, order);
  return (
    // What scrolls has to be reachable by the keyboard.
    <section class="table-scroll" tabIndex={0} aria-label={props.label}>
      <table class="table">
        <thead>
          <tr>
            {props.columns.map((column) => (
              <Head key={column.id} column={column} order={order} onOrder={setOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={props.rowKey(row)}>
              {props.columns.map((column) => (
                <td key={column.id} class={classes(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function classes<Row>(column: Column<Row>): string | undefined {
  const names = [column.right && "right", column.wide && "wide-only"].filter(Boolean);
  return names.length > 0 ? names.join(" ") : undefined;
}

function Head<Row>(props: { column: Column<Row>; order: Order | undefined; onOrder: (order: Order) => void }) {
  const { column, order, onOrder } = props;
  const active = order?.id === column.id ? order : undefined;
  const said = active && (active.down ? "descending" : "ascending");
  return (
    <th scope="col" class={classes(column)} aria-sort={said}>
      {column.sort ? (
        <button
          type="button"
          class="sort"
          onClick={() => onOrder({ id: column.id, down: active ? !active.down : false })}
        >
          {column.label}
          <span class={active ? "sort-mark" : "sort-mark sort-mark-idle"}>
            <Icon name={active?.down ? "down" : "up"} size={12} />
          </span>
        </button>
      ) : (
        column.label
      )}
    </th>
  );
}

const collator = new Intl.Collator("en", { numeric: true });

function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], order: Order | undefined): readonly Row[] {
  const by = columns.find((column) => column.id === order?.id)?.sort;
  if (!by || !order) return rows;
  const sign = order.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (typeof x === "number" && typeof y === "number") return sign * (x - y);
    return sign * collator.compare(String(x), String(y));
  });
}
