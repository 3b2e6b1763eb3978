// Typing into the JSON editor.

import type { Page } from "@playwright/test";

/** Puts a text in place of what stands in the editor, as a paste does. */
export async function setEditor(page: Page, text: string): Promise<void> {
  await page.locator("[data-editor]").fill(text);
}

/** What stands in the editor. */
export async function editorText(page: Page): Promise<string> {
  return page.locator("[data-editor]").inputValue();
}
