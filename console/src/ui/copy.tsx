// Text to take along: copy buttons, and code with one.

import { useEffect, useState } from "preact/hooks";
import { IconButton } from "./button.tsx";
import { Segments } from "./field.tsx";

const DONE_MS = 1500;

/** Puts text into the clipboard; where the browser refuses (no secure context), by an invisible field. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    const host = document.querySelector("dialog[open]") ?? document.body;
    host.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** Copies; says for a moment that it did. The text may be made when it is asked for. */
export function CopyButton({ text, label = "Copy" }: { text: string | (() => string); label?: string }) {
  const [state, setState] = useState<"idle" | "done" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), DONE_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    const done = await copyText(typeof text === "string" ? text : text());
    setState(done ? "done" : "failed");
  };
  const says = { idle: label, done: "Copied", failed: "The browser did not allow it" }[state];
  return (
    <>
      <IconButton icon={state === "done" ? "check" : "copy"} label={says} onClick={copy} />
      <span class="visually-hidden" aria-live="polite">
        {state === "idle" ? "" : says}
      </span>
    </>
  );
}

/** A block of code with a copy button. */
export function Code({ text, label = "Code" }: { text: string; label?: string }) {
  return (
    <div class="code">
      {/* What scrolls has to be reachable by the keyboard. */}
      <pre tabIndex={0} role="group" aria-label={label}>
        {text}
      </pre>
      <CopyButton text={text} />
    </div>
  );
}

/** The same in several languages, such as AWS CLI and JavaScript. */
export function Snippets({ snippets }: { snippets: readonly { label: string; text: string }[] }) {
  const [chosen, setChosen] = useState(snippets[0]?.label ?? "");
  const shown = snippets.find((one) => one.label === chosen) ?? snippets[0];
  if (!shown) return null;
  return (
    <div class="snippets">
      {snippets.length > 1 && (
        <Segments
          label="Language"
          value={shown.label}
          options={snippets.map(({ label }) => ({ value: label, label }))}
          onChange={setChosen}
        />
      )}
      <Code text={shown.text} label={shown.label} />
    </div>
  );
}
