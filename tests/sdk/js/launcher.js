// Starts the server binary for tests, makes clients for it, and stops it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { LambdaClient } from "@aws-sdk/client-lambda";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const READY = /^headwater listening on (http:\/\/127\.0\.0\.1:\d+)\s*$/;
const START_MS = 30_000;
const STOP_MS = 20_000;

/** A running server on a folder of its own; `restart` keeps the folder. */
export class Server {
  static async start({ testClock = false } = {}) {
    const server = new Server();
    server.folder = await mkdtemp(path.join(tmpdir(), "headwater-js-"));
    server.testClock = testClock;
    await server.#launch();
    return server;
  }

  async #launch() {
    const binary = process.env.HEADWATER_BIN ?? path.join(ROOT, "target/debug/headwater");
    const words = ["serve", "--listen", "127.0.0.1:0", "--data", path.join(this.folder, "data")];
    if (this.testClock) words.push("--test-clock");
    this.process = spawn(binary, words, { stdio: ["ignore", "pipe", "pipe"] });
    this.stderr = "";
    this.process.stderr.on("data", (data) => (this.stderr += data));
    this.ended = once(this.process, "exit");
    const lines = createInterface({ input: this.process.stdout });
    const first = await within(START_MS, Promise.race([once(lines, "line"), this.ended]));
    const ready = READY.exec(String(first?.[0]));
    if (!ready) {
      this.process.kill("SIGKILL");
      throw new Error(`not ready: ${first}\n${this.stderr}`);
    }
    this.url = ready[1];
    this.options = {
      endpoint: this.url,
      region: "us-east-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    };
    this.dynamodb = new DynamoDBClient(this.options);
    this.streams = new DynamoDBStreamsClient(this.options);
    this.functions = new LambdaClient(this.options);
  }

  async #end() {
    for (const client of [this.dynamodb, this.streams, this.functions]) client.destroy();
    this.process.kill("SIGTERM");
    const ended = await within(STOP_MS, this.ended);
    if (!ended) this.process.kill("SIGKILL");
    if (ended?.[0] !== 0) throw new Error(`did not stop cleanly: ${ended}\n${this.stderr}`);
  }

  async restart() {
    await this.#end();
    await this.#launch();
  }

  async stop() {
    await this.#end();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Moves the test clock. */
  async advance(ms) {
    const reply = await fetch(`${this.url}/_headwater/clock`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ advance_ms: ms }),
    });
    return (await reply.json()).now_ms;
  }

  /** Calls `condition` until it gives something true, and returns that. */
  async until(condition, what, ms = 30_000) {
    const deadline = performance.now() + ms;
    for (;;) {
      const result = await condition();
      if (result) return result;
      if (performance.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`);
      if (this.testClock) await this.advance(20);
      await pause(10);
    }
  }

  /** A file in the server's folder, for what a function writes down; empty if it is not there. */
  async read(name) {
    return readFile(path.join(this.folder, name), "utf8").catch(() => "");
  }
}

async function within(ms, promise) {
  const timer = new AbortController();
  const late = pause(ms, null, { signal: timer.signal }).catch(() => null);
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}
