// Light or dark: the system's, unless one was chosen.

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "headwater.theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

/** What was chosen; remembered. */
export const theme = signal<Theme>(stored());

const systemIsDark = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
const systemDark = signal(systemIsDark?.matches ?? false);
systemIsDark?.addEventListener("change", (event) => {
  systemDark.value = event.matches;
});

/** Whether the dark colours are on; for what CSS can't reach, such as a canvas. */
export function isDark(): boolean {
  return theme.value === "dark" || (theme.value === "system" && systemDark.value);
}

/** Keeps the document and the storage as chosen. */
export function followTheme(): void {
  effect(() => {
    const chosen = theme.value;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    try {
      if (chosen === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, chosen);
    } catch {
      // Storage is switched off: the choice lasts as long as the page.
    }
  });
}
