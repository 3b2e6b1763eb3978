// Short messages that something was done, or failed beside the page that one looks at.

import { signal } from "@preact/signals";
import type { ApiError } from "../api/error.ts";
import { IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";

interface Toast {
  id: number;
  kind: "good" | "bad";
  text: string;
}

const SHOWN_MS = 5000;
const SHOWN_MAX = 4;

const toasts = signal<readonly Toast[]>([]);
let count = 0;

function add(kind: Toast["kind"], text: string): void {
  count += 1;
  const id = count;
  toasts.value = [...toasts.value, { id, kind, text }].slice(-SHOWN_MAX);
  // What failed stays until it is closed: it has to be read.
  if (kind === "good") setTimeout(() => close(id), SHOWN_MS);
}

function close(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Says that something was done. */
export function say(text: string): void {
  add("good", text);
}

/** Says that something failed, and why. */
export function complain(what: string, error: ApiError): void {
  add("bad", `${what} ${error.message}`);
}

export function Toasts() {
  return (
    <div class="toasts" aria-live="polite">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast toast-${toast.kind}`} role={toast.kind === "bad" ? "alert" : "status"}>
          <Icon name={toast.kind === "good" ? "check" : "alert"} />
          <span class="break">{toast.text}</span>
          <IconButton icon="close" label="Close" onClick={() => close(toast.id)} />
        </div>
      ))}
    </div>
  );
}
