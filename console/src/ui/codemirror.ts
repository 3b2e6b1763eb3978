// CodeMirror, with what editing JSON needs and no more. A chunk of its own.

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Mark } from "./editor.tsx";

export interface CodeView {
  /** Puts a text in place, unless it is what stands there. */
  setText(text: string): void;
  setMarks(marks: readonly Mark[]): void;
  focus(): void;
  close(): void;
}

interface Options {
  value: string;
  label: string;
  readOnly: boolean;
  json: boolean;
  onChange: (text: string) => void;
}

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--code-key)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: tags.number, color: "var(--code-number)" },
  { tag: [tags.bool, tags.null, tags.keyword], color: "var(--code-word)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", color: "var(--text)", backgroundColor: "var(--surface)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": {
    backgroundColor: "var(--surface-2)",
    color: "var(--text-3)",
    borderRight: "1px solid var(--line)",
  },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 6%, transparent)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)",
  },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "none" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad)",
    textUnderlineOffset: "3px",
  },
  ".cm-lintPoint-error::after": { borderBottomColor: "var(--bad)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", color: "var(--text)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-specialChar": { color: "var(--bad)" },
});

/** Opens an editor inside of an element. */
export function openEditor(host: HTMLElement, options: Options): CodeView {
  const listener = EditorView.updateListener.of((update) => {
    if (update.docChanged) options.onChange(update.state.doc.toString());
  });
  const state = EditorState.create({
    doc: options.value,
    extensions: [
      lineNumbers(),
      history(),
      drawSelection(),
      highlightActiveLine(),
      highlightSpecialChars(),
      indentOnInput(),
      indentUnit.of("  "),
      bracketMatching(),
      options.json ? json() : [],
      syntaxHighlighting(colours),
      look,
      EditorView.lineWrapping,
      // Escape and then Tab leaves the editor, which is how the keyboard gets out.
      keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
      EditorState.readOnly.of(options.readOnly),
      EditorView.contentAttributes.of({ "aria-label": options.label, "data-editor": "" }),
      listener,
    ],
  });
  // In a shadow root its styles are adopted style sheets; in the document they would be style elements, which the content
  // security policy does not allow.
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const view = new EditorView({ state, parent: root, root });
  return {
    setText: (text) => {
      if (view.state.doc.toString() === text) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    setMarks: (marks) =>
      view.dispatch(
        setDiagnostics(
          view.state,
          marks.map((mark) => diagnostic(view, mark)),
        ),
      ),
    focus: () => view.focus(),
    close: () => view.destroy(),
  };
}

/** Marks may come from a text that was longer a moment ago. */
function diagnostic(view: EditorView, mark: Mark): Diagnostic {
  const end = view.state.doc.length;
  return { from: Math.min(mark.from, end), to: Math.min(mark.to, end), severity: "error", message: mark.message };
}
