// Where a function's code is, as the answers of the API tell it.

import type { FunctionConfiguration, GetFunctionResponse } from "../../api/wire.ts";
import { PLACES, type PlaceName } from "../../model/starters.ts";

/** What the server gives a function that is elsewhere for a handler. */
const NO_HANDLER = "none";

/** What is behind a function that has no zip file, and where; `undefined` for a zip file. */
export function placeOf(known: GetFunctionResponse): { place: PlaceName; key: string } | undefined {
  const { Configuration, Code } = known;
  const location = Code?.Location ?? "";
  if (Code?.RepositoryType !== "S3" || (Configuration?.CodeSize ?? 0) > 0 || location === "") return undefined;
  if (!location.startsWith("file://")) {
    return { place: location.endsWith("/invocations") ? "headwater-lambda" : "headwater-webhook", key: location };
  }
  // The server writes the path as it is.
  const key = location.slice("file://".length);
  return { place: isElsewhere(Configuration ?? {}) ? "headwater-command" : "headwater-local-directory", key };
}

/** Whether a function is an address or a program, and not code for a runtime. */
export function isElsewhere(configuration: FunctionConfiguration): boolean {
  return configuration.Handler === NO_HANDLER;
}

/** The place in words, such as "Webhook http://127.0.0.1:9999/hook". */
export function placeText(known: GetFunctionResponse): string | undefined {
  const found = placeOf(known);
  return found && `${PLACES[found.place].label} ${found.key}`;
}

/** `nodejs22.x`, or that there is none. */
export function runtimeText(configuration: FunctionConfiguration): string {
  return isElsewhere(configuration) ? "Elsewhere" : (configuration.Runtime ?? "-");
}
