// Values to look at: JSON with colours, and two versions side by side. All of it is text; none of it is HTML.

import { Fragment } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { AttributeValue } from "../api/wire.ts";
import { type Change, diffItems } from "../model/diff.ts";
import { type Form, printItem, printValue } from "../model/document.ts";
import { plural } from "../model/format.ts";
import { tokensOf } from "../model/tokens.ts";
import type { Item } from "../model/value.ts";
import { Button } from "./button.tsx";
import { CopyButton } from "./copy.tsx";
import { Icon } from "./icon.tsx";

/** Longer texts are shown without colours: a span for each word of a megabyte would stop the page. */
const COLOURED_MAX = 60_000;

/** JSON text, as `printItem` gives it, with colours. */
export function JsonText({ text }: { text: string }) {
  const parts = useMemo(() => (text.length > COLOURED_MAX ? text : text.split("\n").map(coloured)), [text]);
  return <>{parts}</>;
}

function coloured(line: string, index: number, lines: readonly string[]) {
  const parts = tokensOf(line).map(({ kind, from, to }) => {
    const part = line.slice(from, to);
    return kind === "plain" ? (
      part
    ) : (
      <span key={from} class={`json-${kind}`}>
        {part}
      </span>
    );
  });
  return (
    <Fragment key={index}>
      {parts}
      {index < lines.length - 1 && "\n"}
    </Fragment>
  );
}

/** A JSON text in a frame, with a copy button. */
export function JsonBlock({ text, label }: { text: string; label: string }) {
  return (
    <div class="code json-block">
      {/* What scrolls has to be reachable by the keyboard. */}
      <pre tabIndex={0} role="group" aria-label={label}>
        <JsonText text={text} />
      </pre>
      <CopyButton text={text} />
    </div>
  );
}

/** An item in a frame. */
export function ItemBlock({ item, label, form = "plain" }: { item: Item; label: string; form?: Form }) {
  const text = useMemo(() => printItem(item, form), [item, form]);
  return <JsonBlock text={text} label={label} />;
}

const MARKS = { added: "+", removed: "-", changed: "~", same: "" } as const;
const KIND_WORDS = { added: "Added", removed: "Removed", changed: "Changed", same: "Same" } as const;

/**
 * Two versions of an item side by side, each attribute that changed in a row with its mark. What is the same is folded.
 * `undefined` stands for no item.
 */
export function ItemDiff(props: {
  before: Item | undefined;
  after: Item | undefined;
  /** What it shows, for screen readers; another for each on a page. */
  label?: string;
  /** Heads of the two sides. */
  beforeLabel?: string;
  afterLabel?: string;
}) {
  const changes = useMemo(() => diffItems(props.before, props.after), [props.before, props.after]);
  const [all, setAll] = useState(false);
  const same = changes.filter((change) => change.kind === "same").length;
  const shown = all ? changes : changes.filter((change) => change.kind !== "same");
  return (
    <div class="diff">
      {shown.length > 0 && (
        <section class="table-scroll" tabIndex={0} aria-label={props.label ?? "Differences"}>
          <table class="diff-table">
            <thead>
              <tr>
                <th scope="col">Attribute</th>
                <th scope="col">{props.beforeLabel ?? "Before"}</th>
                <th scope="col">{props.afterLabel ?? "After"}</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((change) => (
                <DiffRow key={change.path} change={change} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      {shown.length === 0 && <p class="muted">Nothing is different.</p>}
      {same > 0 && (
        <Button small kind="quiet" icon={all ? "up" : "down"} onClick={() => setAll(!all)}>
          {all
            ? "Hide what is the same"
            : `Show ${plural(same, "more value")} that ${same === 1 ? "is" : "are"} the same`}
        </Button>
      )}
    </div>
  );
}

function DiffRow({ change }: { change: Change }) {
  return (
    <tr class={`diff-${change.kind}`}>
      <th scope="row">
        <span class="diff-mark" aria-hidden="true">
          {MARKS[change.kind]}
        </span>
        <span class="visually-hidden">{KIND_WORDS[change.kind]}: </span>
        <span class="data break">{change.path}</span>
      </th>
      <DiffCell value={change.before} side="before" />
      <DiffCell value={change.after} side="after" />
    </tr>
  );
}

/** A side shows so much of a value; the rest is in the item itself. */
const CELL_MAX = 2000;

function DiffCell({ value, side }: { value: AttributeValue | undefined; side: "before" | "after" }) {
  if (value === undefined) return <td class="diff-none">-</td>;
  const text = printValue(value, "plain");
  return (
    <td class={`diff-${side}`}>
      <pre>
        <JsonText text={text.slice(0, CELL_MAX)} />
        {text.length > CELL_MAX && "\u2026"}
      </pre>
    </td>
  );
}

/** A fold with a head, closed at first. */
export function Fold(props: { label: string; children: () => preact.ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <div class="fold">
      <button type="button" class="fold-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? "down" : "right"} size={12} />
        {props.label}
      </button>
      {open && props.children()}
    </div>
  );
}
