// Typing into the JSON editor.

import type { Page } from "@playwright/test";

/** Puts a text in place of what stands in the editor, as a paste does. */
export async function setEditor(page: Page, text: string): Promise<void> {
  const content = page.locator("[data-editor]");
  await content.click();
  // Emptied by the editor's own keys first: replacing a selection makes Chromium copy inline styles, which the policy blocks.
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(text);
}

/** What stands in the editor, as long as it is short enough to be on the screen. */
export async function editorText(page: Page): Promise<string> {
  const lines = await page.locator("[data-editor] .cm-line").allTextContents();
  return lines.join("\n");
}
