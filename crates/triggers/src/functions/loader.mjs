// Headwater's runtime client for Node: loads the function's module and speaks the Runtime API.
// Plain Node, no dependencies. Exits by itself when the API is gone.

import { existsSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { format } from "node:util";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true });
const EXIT_UNCAUGHT = 129;
const EXIT_REJECTED = 128;

// The invocation that runs now: { id, settle, fail, drained }.
let current = null;

function call(method, route, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const options = { host, port, method, agent, path: `/2018-06-01/runtime/${route}` };
    const request = http.request({ ...options, headers: { ...headers, ...length } }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

function describe(error, errorType) {
  if (error instanceof Error || (error?.name && error?.message !== undefined)) {
    return {
      errorType: errorType ?? error.name,
      errorMessage: error.message,
      trace: String(error.stack ?? "").split("\n"),
    };
  }
  return { errorType: errorType ?? typeof error, errorMessage: String(error), trace: [] };
}

async function report(route, error, errorType) {
  const described = describe(error, errorType);
  const headerType = encodeURIComponent(described.errorType);
  await call("POST", route, JSON.stringify(described), {
    "content-type": "application/json",
    "lambda-runtime-function-error-type": headerType,
  });
}

const writesJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

// An error within a line of JSON.
function shown(error) {
  const errorType = error.constructor?.name ?? "UnknownError";
  const stackTrace = String(error.stack ?? "").split("\n");
  return { errorType, errorMessage: error.message, stackTrace };
}

// One value is there as it is, several are made a text, beside the first error of them.
function jsonLine(timestamp, level, values) {
  const line = { timestamp, level, requestId: current?.id };
  if (values.length > 1) {
    const error = values.find((value) => value instanceof Error);
    return JSON.stringify({ ...line, message: format(...values), ...(error && shown(error)) });
  }
  const withErrors = (_, value) => (value instanceof Error ? { ...shown(value), ...value } : value);
  try {
    return JSON.stringify({ ...line, message: values[0] }, withErrors);
  } catch {
    // Some values have no JSON, such as those that hold themselves.
    return JSON.stringify({ ...line, message: format(values[0]) });
  }
}

// Log lines hold the time, the request, the level and the message, as on the service; those below the function's level are
// left out.
function patchConsole() {
  const lowest = LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase());
  const names = { log: "INFO", ...Object.fromEntries(LEVELS.map((level) => [level.toLowerCase(), level])) };
  for (const [name, level] of Object.entries(names)) {
    const isWritten = LEVELS.indexOf(level) >= lowest;
    console[name] = (...values) => {
      if (!isWritten) return;
      const time = new Date().toISOString();
      const text = () => [time, current?.id ?? "undefined", level, format(...values)].join("\t");
      process.stdout.write(`${writesJson ? jsonLine(time, level, values) : text()}\n`);
    };
  }
}

function logFailure(title, error, errorType) {
  const described = describe(error, errorType);
  if (!writesJson) return console.error(`${title}\t%s`, JSON.stringify(described));
  const { trace, ...message } = described;
  console.error({ ...message, stackTrace: trace });
}

class LoadError extends Error {
  constructor(name, message, cause) {
    super(message, { cause });
    this.name = name;
    if (cause?.stack) this.stack = cause.stack;
  }
}

function locate(root, folder, name) {
  const base = path.resolve(root, folder, name);
  const file = [`${base}.js`, `${base}.mjs`, `${base}.cjs`, base].find(existsSync);
  if (file) return file;
  throw new LoadError("Runtime.ImportModuleError", `Error: Cannot find module '${name}'`);
}

async function load() {
  const handler = process.env._HANDLER;
  const folder = path.dirname(handler);
  const [, name, exported] = /^([^.]+)\.(.+)$/.exec(path.basename(handler)) ?? [];
  if (!name) throw new LoadError("Runtime.MalformedHandlerName", "Bad handler");
  const file = locate(process.env.LAMBDA_TASK_ROOT, folder, name);
  let module;
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new LoadError("Runtime.UserCodeSyntaxError", `SyntaxError: ${error.message}`, error);
    }
    if (error?.code === "ERR_MODULE_NOT_FOUND" || error?.code === "MODULE_NOT_FOUND") {
      throw new LoadError("Runtime.ImportModuleError", `Error: ${error.message}`, error);
    }
    throw error;
  }
  const find = (from) => exported.split(".").reduce((value, key) => value?.[key], from);
  const found = find(module) ?? find(module.default);
  if (found === undefined) {
    throw new LoadError("Runtime.HandlerNotFound", `${handler} is undefined or not exported`);
  }
  if (typeof found !== "function") {
    throw new LoadError("Runtime.HandlerNotFound", `${handler} is not a function`);
  }
  return found;
}

function parse(text) {
  return text === undefined ? undefined : JSON.parse(text);
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    clientContext: parse(headers["lambda-runtime-client-context"]),
    identity: parse(headers["lambda-runtime-cognito-identity"]),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

// Runs the handler once; resolves with its result whichever style it is written in.
function run(handler, event, context) {
  return new Promise((settle, fail) => {
    let answered = null;
    let isPromise = false;
    // The event loop is empty: nothing can answer any more.
    const drained = () => {
      if (answered) answered();
      else if (isPromise) fail(new LoadError("Runtime.NodeJsExit", "the promise of the handler was never settled"));
      else settle(null);
    };
    const callback = (error, result) => {
      if (answered) return;
      answered = () => (error === null || error === undefined ? settle(result) : fail(error));
      if (!context.callbackWaitsForEmptyEventLoop) answered();
    };
    context.done = callback;
    context.succeed = (result) => callback(null, result);
    context.fail = (error) => callback(error ?? new Error("handled"));
    current = { id: context.awsRequestId, drained };
    const returned = handler(event, context, callback);
    if (typeof returned?.then === "function") {
      isPromise = true;
      returned.then(settle, fail);
    }
  });
}

async function serve(handler, next) {
  const id = next.headers["lambda-runtime-aws-request-id"];
  const trace = next.headers["lambda-runtime-trace-id"];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
  const route = `invocation/${encodeURIComponent(id)}`;
  current = { id, drained: () => {} };
  let text;
  try {
    const result = await run(handler, JSON.parse(next.text), contextOf(next.headers));
    text = JSON.stringify(result === undefined ? null : result) ?? "null";
  } catch (error) {
    logFailure("Invoke Error", error);
    current = null;
    await report(`${route}/error`, error);
    return;
  }
  current = null;
  await call("POST", `${route}/response`, text, { "content-type": "application/json" });
}

// An error that no handler caught ends the process, after the invocation got to know of it.
async function uncaught(error, status, errorType) {
  const id = current?.id;
  logFailure(errorType ? "Unhandled Promise Rejection" : "Uncaught Exception", error, errorType);
  try {
    if (id) await report(`invocation/${encodeURIComponent(id)}/error`, error, errorType);
  } finally {
    process.exit(status);
  }
}

async function main() {
  patchConsole();
  let handler;
  try {
    handler = await load();
  } catch (error) {
    logFailure("Uncaught Exception", error);
    await report("init/error", error);
    process.exit(1);
  }
  process.on("beforeExit", () => current?.drained());
  process.on("uncaughtException", (error) => uncaught(error, EXIT_UNCAUGHT));
  process.on("unhandledRejection", (error) => uncaught(error, EXIT_REJECTED, "Runtime.UnhandledPromiseRejection"));
  for (;;) {
    const next = await call("GET", "invocation/next");
    if (next.status !== 200) throw new Error(`the Runtime API answered ${next.status}`);
    await serve(handler, next);
  }
}

main().catch(() => process.exit(1));
