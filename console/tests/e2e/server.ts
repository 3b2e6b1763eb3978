// A server for tests: the real binary with the built console, in memory, on a free port; behind a proxy that can be cut.

import { type ChildProcess, spawn } from "node:child_process";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The binary under test. */
const binary = process.env.HEADWATER_BIN ?? "../target/debug/headwater";

const dist = join(import.meta.dirname, "../../dist");

export interface Running {
  /** The address of the server, and of the console's folder below it. */
  url: string;
  /** Breaks off every connection, as a network does. */
  cut: () => void;
  stop: () => Promise<void>;
}

/** Starts a server and waits until it listens. */
export async function startServer(flags: string[] = []): Promise<Running> {
  const always = ["serve", "--listen", "127.0.0.1:0", "--durability", "memory", "--console-folder", dist];
  const child = spawn(binary, [...always, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  const address = await listening(child);
  const front = await startFront(address);
  const port = (front.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${port}`,
    cut: () => front.closeAllConnections(),
    stop: async () => {
      front.closeAllConnections();
      front.close();
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function listening(child: ChildProcess): Promise<URL> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the server ended with status ${code}`)));
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = line.match(/http:\/\/\S+/);
      if (found) resolve(new URL(found[0]));
    });
  });
}

/** Passes everything on to the server. */
async function startFront(target: URL): Promise<Server> {
  const front = createServer((incoming, answer) => {
    const options = { host: target.hostname, port: target.port, method: incoming.method, path: incoming.url };
    const onward = request({ ...options, headers: incoming.headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  return front;
}
