// End-to-end tests and screenshots: a real server, the built console, headless Chromium.

import { defineConfig } from "@playwright/test";

export default defineConfig({
  globalSetup: "./tests/e2e/chromium.ts",
  outputDir: "test-results",
  fullyParallel: true,
  forbidOnly: true,
  // Each worker has its own server and browser.
  workers: 2,
  timeout: 60_000,
  reporter: [["list"]],
  expect: { timeout: 20_000 },
  use: {
    actionTimeout: 20_000,
    colorScheme: "light",
    // What moves makes screenshots differ.
    contextOptions: { reducedMotion: "reduce" },
    permissions: ["clipboard-read", "clipboard-write"],
  },
  projects: [
    { name: "e2e", testDir: "tests/e2e", testMatch: "*.spec.ts" },
    { name: "screenshots", testDir: "tests/e2e", testMatch: "screenshots.ts" },
  ],
});
