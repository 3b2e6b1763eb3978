// What every page has to pass: accessibility in light and dark, narrow and wide windows, nobody else asked.

import AxeBuilder from "@axe-core/playwright";
import { callServer, expect, test } from "./fixtures.ts";
import { places, prepare } from "./places.ts";

test.beforeAll(async ({ server }) => {
  await prepare((operation, input) => callServer(server.url, operation, input));
});

for (const place of places) {
  for (const theme of ["light", "dark"] as const) {
    test(`${place.name} is accessible in ${theme}`, async ({ page, open, call, server }) => {
      const foreign: string[] = [];
      page.on("request", (request) => {
        if (!request.url().startsWith(server.url) && !request.url().startsWith("blob:")) foreign.push(request.url());
      });
      await page.emulateMedia({ colorScheme: theme });
      await open(place.hash);
      await place.ready?.(page, call);
      await expect(page.locator(".skeleton")).toHaveCount(0);
      const { violations } = await new AxeBuilder({ page })
        .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"])
        .analyze();
      const found = violations.map(({ id, nodes }) => [
        id,
        nodes.map((node) => [node.target.join(" "), node.failureSummary]),
      ]);
      expect(found).toEqual([]);
      expect(foreign).toEqual([]);
    });
  }

  for (const [width, height] of [
    [360, 740],
    [1920, 1080],
  ] as const) {
    test(`${place.name} fits a window of ${width} px`, async ({ page, open, call }) => {
      await page.setViewportSize({ width, height });
      await open(place.hash);
      await place.ready?.(page, call);
      for (const part of ["html", ".main"]) {
        const room = await page.locator(part).evaluate((element) => [element.scrollWidth, element.clientWidth]);
        expect(room[0], `width of ${part}`).toBeLessThanOrEqual(room[1] ?? 0);
      }
      const right = await page.locator(".page").evaluate((element) => element.getBoundingClientRect().right);
      // On a wide window a page takes the room up to the width at which lines are still read with ease.
      expect(right).toBeGreaterThanOrEqual(Math.min(width, 1400));
    });
  }
}
