// An editor for JSON and code. The heavy part is loaded when the first one is shown.

import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../api/error.ts";
import type { CodeView } from "./codemirror.ts";
import { ErrorState, Loading } from "./states.tsx";

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
  /** Without it, the text is taken as it is, such as code of a function. */
  json?: boolean;
  autoFocus?: boolean;
}

/** Edits a text. It fills the height of its parent, or grows with the text up to its `max-height`. */
export function Editor(props: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<CodeView | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [state, setState] = useState<"loading" | "ready" | ApiError>("loading");

  useEffect(() => {
    let gone = false;
    import("./codemirror.ts").then(
      ({ openEditor }) => {
        if (gone || !host.current) return;
        const { value, label, readOnly = false, json = false, autoFocus } = latest.current;
        const onChange = (text: string) => latest.current.onChange?.(text);
        view.current = openEditor(host.current, { value, label, readOnly, json, onChange });
        view.current.setMarks(latest.current.marks ?? []);
        if (autoFocus) view.current.focus();
        setState("ready");
      },
      (error: unknown) => setState(asApiError(error)),
    );
    return () => {
      gone = true;
      view.current?.close();
      view.current = undefined;
    };
  }, []);

  useEffect(() => view.current?.setText(props.value), [props.value]);
  useEffect(() => view.current?.setMarks(props.marks ?? []), [props.marks]);

  return (
    <div class="editor">
      {state === "loading" && <Loading />}
      {typeof state === "object" && <ErrorState what="The editor did not load." error={state} />}
      <div ref={host} class="editor-host" />
    </div>
  );
}
