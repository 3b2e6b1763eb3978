// What every page has to pass: accessibility in light and dark, no sideways scrolling, its title, nobody else asked.

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

  test(`${place.name} does not scroll sideways at 360 px`, async ({ page, open, call }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    await open(place.hash);
    await place.ready?.(page, call);
    for (const part of ["html", ".main"]) {
      const width = await page.locator(part).evaluate((element) => [element.scrollWidth, element.clientWidth]);
      expect(width[0], `width of ${part}`).toBeLessThanOrEqual(width[1] ?? 0);
    }
  });
}
