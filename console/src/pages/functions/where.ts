// Where a function's code is, in words.

import type { FunctionConfiguration, GetFunctionResponse } from "../../api/wire.ts";

/** What `Code.Location` says: a folder, an address, or a zip file that was uploaded. */
export function codePlace(known: GetFunctionResponse): string {
  const location = known.Code?.Location ?? "";
  if (location.startsWith("file://")) return decodeURI(location.slice("file://".length));
  return location;
}

/** Whether the folder on the server is used in place, and not a zip file. */
export function isFolder(known: GetFunctionResponse): boolean {
  return known.Code?.RepositoryType === "S3" && (known.Code.Location ?? "").startsWith("file://") && isInPlace(known);
}

/** Code that is used in place has no size. */
function isInPlace({ Configuration }: GetFunctionResponse): boolean {
  return (Configuration?.CodeSize ?? 0) === 0;
}

/** `nodejs22.x`, or what a function elsewhere is. */
export function runtimeText(configuration: FunctionConfiguration): string {
  return configuration.Runtime ?? "elsewhere";
}
