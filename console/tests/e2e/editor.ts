// Typing into the JSON editor.

import type { Page } from "@playwright/test";

/** Chromium takes minutes for what `fill` does when there are thousands of lines; pasting them takes a moment. */
const LINES_MAX = 500;

/** Puts a text in place of what stands in the editor, as a paste does. */
export async function setEditor(page: Page, text: string): Promise<void> {
  const field = page.locator("[data-editor]");
  if (text.split("\n").length < LINES_MAX) return field.fill(text);
  await field.evaluate((element, value) => {
    if (element instanceof HTMLTextAreaElement) element.value = value;
    element.dispatchEvent(new Event("input", { bubbles: true }));
  }, text);
}

/** What stands in the editor. */
export async function editorText(page: Page): Promise<string> {
  return page.locator("[data-editor]").inputValue();
}
