// Whether there is little room, where styles alone can't do it.

import { signal } from "@preact/signals";

const query = globalThis.matchMedia?.("(max-width: 760px)");
const narrow = signal(query?.matches ?? false);
query?.addEventListener("change", (event) => {
  narrow.value = event.matches;
});

/** True on narrow screens; renders again when that changes. */
export function useNarrow(): boolean {
  return narrow.value;
}
