// Which Chromium the tests drive.

import { existsSync } from "node:fs";

/** Where systems keep the one library that Chromium needs and not every machine has. */
const LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib64"].map(
  (folder) => `${folder}/libnss3.so`,
);

/** Options for Playwright's `launch`: what `HEADWATER_CHROMIUM` names, or the browser that comes with npm. */
export async function launchOptions(): Promise<{ executablePath: string; args: string[] }> {
  const executablePath = process.env.HEADWATER_CHROMIUM ?? (await bundled());
  // Tests may run as root, which Chromium's sandbox refuses.
  return { executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] };
}

async function bundled(): Promise<string> {
  // The package has that library too, and unpacks it where it believes to be on Lambda.
  if (!LIBRARIES.some((path) => existsSync(path))) process.env.AWS_EXECUTION_ENV ??= "AWS_Lambda_nodejs20.x";
  const { default: chromium } = await import("@sparticuz/chromium");
  return chromium.executablePath();
}

/** Playwright's global setup: unpacks the browser once, before the workers that would do it at the same time. */
export default async function unpack(): Promise<void> {
  await launchOptions();
}
