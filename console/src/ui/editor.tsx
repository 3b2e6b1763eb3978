// An editor for JSON and code: the browser's own text field, over a layer that shows the same text in colours.
//
// The text in the field is transparent. Lines have one height and do not wrap, so that only those that are seen have to exist in
// the layer below, however long the text is.

import type { RefObject } from "preact";
import { useEffect, useId, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { type Token, tokensOf } from "../model/tokens.ts";
import { useWindow } from "./virtual.tsx";

/** What is wrong, and where in the text. */
export interface Mark {
  from: number;
  to: number;
  message: string;
}

interface EditorProps {
  /** What it holds, for screen readers. */
  label: string;
  value: string;
  onChange?: (value: string) => void;
  /** Problems to mark in the text. */
  marks?: readonly Mark[];
  readOnly?: boolean;
  /** Without it, the text is not coloured, and Tab indents, such as in code of a function. Escape and then Tab, or Shift Tab, leaves. */
  json?: boolean;
  autoFocus?: boolean;
}

const LINE_HEIGHT = 20;
const INDENT = "  ";
const NO_MARKS: readonly Mark[] = [];

/** Edits a text. It fills the height that its parent gives it. */
export function Editor(props: EditorProps) {
  const { value, json = false, marks = NO_MARKS } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  const noteId = useId();
  const lines = useMemo(() => value.split("\n"), [value]);
  const digits = String(lines.length).length;

  // A dialog that opens with an editor begins in it.
  useEffect(() => {
    if (props.autoFocus) {
      field.current?.focus();
      field.current?.setSelectionRange(0, 0);
    }
  }, []);

  const leaves = useRef(false);
  const keys = (event: KeyboardEvent & { currentTarget: HTMLTextAreaElement }) => {
    const wasLeaving = leaves.current;
    leaves.current = event.key === "Escape" && !json;
    if (leaves.current) event.stopPropagation();
    if (props.readOnly || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      insert(`\n${indentAt(event.currentTarget)}`);
    } else if (event.key === "Tab" && !json && !wasLeaving && !event.shiftKey) {
      event.preventDefault();
      insert(INDENT);
    }
  };
  return (
    <div class={`editor editor-digits-${Math.min(digits, 5)}`}>
      <Layer field={field} lines={lines} json={json} marks={marks} />
      <textarea
        ref={field}
        class="editor-field"
        aria-label={props.label}
        aria-invalid={marks.length > 0 ? "true" : undefined}
        aria-describedby={marks.length > 0 ? noteId : undefined}
        data-editor=""
        data-autofocus={props.autoFocus ? "" : undefined}
        value={value}
        readOnly={props.readOnly}
        dir="ltr"
        wrap="off"
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        onInput={(event) => props.onChange?.(event.currentTarget.value)}
        onKeyDown={keys}
      />
      <span id={noteId} class="visually-hidden">
        {marks.map(({ message }) => message).join(" ")}
      </span>
    </div>
  );
}

/** As typed: it can be undone. There is no other way to write into a field that keeps that. */
function insert(text: string): void {
  document.execCommand("insertText", false, text);
}

/** What the line of the caret begins with; deeper behind an opening bracket. */
function indentAt(field: HTMLTextAreaElement): string {
  const before = field.value.slice(0, field.selectionStart);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const indent = line.match(/^[ \t]*/)?.[0] ?? "";
  return /[[{(:]\s*$/.test(line) ? indent + INDENT : indent;
}

/** What is seen: numbers and coloured lines, where the field has scrolled to. */
function Layer(props: {
  field: RefObject<HTMLTextAreaElement | null>;
  lines: readonly string[];
  json: boolean;
  marks: readonly Mark[];
}) {
  const { field, lines, json, marks } = props;
  const { first, last } = useWindow(field, lines.length, LINE_HEIGHT);
  const layer = useRef<HTMLDivElement>(null);
  const [starts, marked] = useMemo(() => placesOf(lines, marks), [lines, marks]);

  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    const follow = () => {
      layer.current?.style.setProperty("--left", `${-element.scrollLeft}px`);
      layer.current?.style.setProperty("--top", `${-element.scrollTop}px`);
    };
    follow();
    element.addEventListener("scroll", follow, { passive: true });
    return () => element.removeEventListener("scroll", follow);
  }, [field]);

  const shown = [];
  for (let index = first; index < last; index += 1) {
    const text = lines[index] ?? "";
    shown.push(
      <div
        key={index}
        class={marked.has(index) ? "editor-line editor-line-marked" : "editor-line"}
        style={{ top: `${index * LINE_HEIGHT}px` }}
      >
        <span class="editor-number">{index + 1}</span>
        <span class="editor-text">
          {pieces(json ? tokensOf(text) : [{ kind: "plain", from: 0, to: text.length }], starts[index] ?? 0, marks).map(
            ({ from, to, kind, wrong }) => (
              <span key={from} class={`${kind === "plain" ? "" : `json-${kind}`}${wrong ? " editor-wrong" : ""}`}>
                {text.slice(from, to)}
              </span>
            ),
          )}
        </span>
      </div>,
    );
  }
  return (
    <div class="editor-layer" ref={layer} aria-hidden="true">
      {shown}
    </div>
  );
}

/** Where each line starts in the text, and which lines have a mark. */
function placesOf(lines: readonly string[], marks: readonly Mark[]): [number[], Set<number>] {
  const starts: number[] = [];
  let start = 0;
  for (const line of lines) {
    starts.push(start);
    start += line.length + 1;
  }
  const marked = new Set<number>();
  for (const mark of marks) {
    const index = starts.findLastIndex((one) => one <= mark.from);
    marked.add(Math.max(index, 0));
  }
  return [starts, marked];
}

type Piece = Token & { wrong: boolean };

/** The tokens of a line, cut where a mark begins or ends. */
function pieces(tokens: readonly Token[], start: number, marks: readonly Mark[]): Piece[] {
  const cuts = marks.flatMap((mark) => [mark.from - start, mark.to - start]);
  return tokens.flatMap((token) => {
    const inner = cuts.filter((cut) => cut > token.from && cut < token.to);
    const ends = [token.from, ...inner.sort((a, b) => a - b), token.to];
    return ends.slice(1).map((to, index) => {
      const from = ends[index] ?? token.from;
      const wrong = marks.some((mark) => mark.from - start <= from && mark.to - start >= to && to > from);
      return { kind: token.kind, from, to, wrong };
    });
  });
}
