// A new function as one fills it in.

import type { CreateFunctionRequest, FunctionCode } from "../api/wire.ts";
import { codeOfPlace, codeOfText, type PlaceName, parseVariables, STARTERS } from "./starters.ts";

export type CodeKind = "folder" | "code" | "zip" | "elsewhere";

export interface FunctionForm {
  name: string;
  kind: CodeKind;
  runtime: string;
  handler: string;
  folder: string;
  /** Code that was typed, in the language of the runtime. */
  text: string;
  /** A zip file that was chosen, as base64. */
  zip: { name: string; data: string } | undefined;
  place: Exclude<PlaceName, "headwater-local-directory">;
  key: string;
  timeout: string;
  memory: string;
  variables: string;
}

const FIRST = STARTERS[0];

export const NEW_FUNCTION: FunctionForm = {
  name: "",
  kind: "code",
  runtime: FIRST.runtime,
  handler: FIRST.handler,
  folder: "",
  text: FIRST.code,
  zip: undefined,
  place: "headwater-webhook",
  key: "",
  timeout: "10",
  memory: "128",
  variables: "",
};

/** Runtimes that can be chosen. */
export const RUNTIMES: readonly string[] = [
  "nodejs22.x",
  "nodejs20.x",
  "nodejs24.x",
  "python3.12",
  "python3.11",
  "python3.13",
  "provided.al2023",
];

export type FunctionProblems = Partial<
  Record<"name" | "folder" | "zip" | "key" | "handler" | "timeout" | "memory" | "variables" | "text", string>
>;

export function functionProblems(form: FunctionForm): FunctionProblems {
  const problems: FunctionProblems = {};
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(form.name)) problems.name = "1 to 64 letters, digits, - and _.";
  if (form.kind === "folder" && !form.folder.startsWith("/"))
    problems.folder = "The whole path of a folder on the server's machine.";
  if (form.kind === "zip" && !form.zip) problems.zip = "Choose a zip file.";
  if (form.kind === "code" && form.text.trim() === "") problems.text = "The code is missing.";
  if (form.kind === "elsewhere" && form.key.trim() === "") problems.key = "Where it is.";
  if (form.kind !== "elsewhere" && form.handler.trim() === "")
    problems.handler = "The file and the function within it.";
  if (!inBounds(form.timeout, 1, 900)) problems.timeout = "1 to 900 seconds.";
  if (!inBounds(form.memory, 128, 10_240)) problems.memory = "128 to 10,240 MB.";
  try {
    parseVariables(form.variables);
  } catch (error) {
    problems.variables = (error as Error).message;
  }
  return problems;
}

function inBounds(text: string, min: number, max: number): boolean {
  return /^\d+$/.test(text.trim()) && Number(text) >= min && Number(text) <= max;
}

/** The code alone, to create a function with it or to replace that of one. */
export function codeOf(form: FunctionForm): FunctionCode {
  switch (form.kind) {
    case "folder":
      return codeOfPlace("headwater-local-directory", form.folder.trim());
    case "zip":
      return { ZipFile: form.zip?.data ?? "" };
    case "elsewhere":
      return codeOfPlace(form.place, form.key.trim());
    case "code":
      return codeOfText(starterOf(form.runtime), form.text);
  }
}

/** The starter in the language of a runtime. */
export function starterOf(runtime: string) {
  return STARTERS.find((one) => runtime.startsWith(one.runtime.slice(0, 6))) ?? FIRST;
}

/** What the server takes for a role, which it does not look at. */
const ROLE = "arn:aws:iam::000000000000:role/any";

export function functionInput(form: FunctionForm): CreateFunctionRequest {
  const variables = parseVariables(form.variables);
  return {
    FunctionName: form.name,
    Role: ROLE,
    Code: codeOf(form),
    ...(form.kind !== "elsewhere" && { Runtime: form.runtime, Handler: handlerOf(form) }),
    Timeout: Number(form.timeout),
    MemorySize: Number(form.memory),
    ...(Object.keys(variables).length > 0 && { Environment: { Variables: variables } }),
  };
}

/** Typed code is in the starter's file, so its handler is known. */
export function handlerOf(form: FunctionForm): string {
  return form.kind === "code" ? starterOf(form.runtime).handler : form.handler.trim();
}
