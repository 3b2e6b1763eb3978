// `npm run screenshots`: each page in light and dark, wide and narrow, into `screenshots/`. To be looked at.

import { callServer, expect, test } from "./fixtures.ts";
import { places, prepare } from "./places.ts";

const SIZES = [
  { name: "wide", width: 1280, height: 800 },
  { name: "narrow", width: 360, height: 740 },
];

test.beforeAll(async ({ server }) => {
  await prepare((operation, input) => callServer(server.url, operation, input));
});

for (const place of places) {
  for (const theme of ["light", "dark"] as const) {
    for (const size of SIZES) {
      test(`${place.name} ${theme} ${size.name}`, async ({ page, open, call }) => {
        await page.emulateMedia({ colorScheme: theme });
        await page.setViewportSize(size);
        await open(place.hash);
        await place.ready?.(page, call);
        await expect(page.locator(".skeleton")).toHaveCount(0);
        await page.screenshot({ path: `screenshots/${place.name}-${theme}-${size.name}.png` });
      });
    }
  }
}
