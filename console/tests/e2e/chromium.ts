// Which Chromium the tests drive.

import chromium from "@sparticuz/chromium";

/** Options for Playwright's `launch`: what `HEADWATER_CHROMIUM` names, or the browser that comes with npm. */
export async function launchOptions(): Promise<{ executablePath: string; args: string[] }> {
  const named = process.env.HEADWATER_CHROMIUM;
  const executablePath = named ?? (await chromium.executablePath());
  // Tests may run as root, which Chromium's sandbox refuses.
  return { executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] };
}
