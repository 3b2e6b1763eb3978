// Whether somebody looks at a page.

import type { Page } from "@playwright/test";

/** Tells the page that it is shown, or that another one is in front of it. */
export function look(page: Page, state: "hidden" | "visible"): Promise<void> {
  return page.evaluate((value) => {
    Object.defineProperty(document, "visibilityState", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
}
