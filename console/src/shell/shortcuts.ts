// Keyboard shortcuts for the whole console: single keys, or `g` and a second one.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

export interface Shortcut {
  /** One key, or two with a space between: `/`, `g t`. */
  keys: string;
  label: string;
  run: () => void;
}

/** Those that are there now, for the list that `?` shows. */
export const shortcuts = signal<readonly Shortcut[]>([]);

/** How long the second key may take. */
const SECOND_KEY_MS = 1200;

/** Adds shortcuts while the component is shown. Later ones win over earlier ones with the same keys. */
export function useShortcuts(own: Shortcut[]): void {
  // The functions may be new with each rendering; what they are called by stays.
  const latest = useRef(own);
  latest.current = own;
  const names = own.map((one) => one.keys + one.label).join("\n");
  useEffect(() => {
    const added = own.map((one, index) => ({ ...one, run: () => latest.current[index]?.run() }));
    shortcuts.value = [...shortcuts.value, ...added];
    return () => {
      shortcuts.value = shortcuts.value.filter((one) => !added.includes(one));
    };
  }, [names]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.matches("input, textarea, select");
}

/** Listens; called once. */
export function listenForShortcuts(): void {
  let first: { key: string; at: number } | undefined;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    // The path leads into shadow roots, where editors are.
    if (isTyping(event.composedPath()[0] ?? null) || document.querySelector("dialog[open]")) return;
    const before = first && event.timeStamp - first.at < SECOND_KEY_MS ? `${first.key} ` : "";
    const found =
      shortcuts.value.findLast((one) => one.keys === before + event.key) ??
      shortcuts.value.findLast((one) => one.keys === event.key);
    const begins = shortcuts.value.some((one) => one.keys.startsWith(`${event.key} `));
    first = !found && begins ? { key: event.key, at: event.timeStamp } : undefined;
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}
