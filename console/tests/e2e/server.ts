// A server for tests: the real binary, in memory, on a free port; and the built console in front of it.

import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { createInterface } from "node:readline";

/** The binary under test. */
const binary = process.env.HEADWATER_BIN ?? "../target/debug/headwater";

const dist = join(import.meta.dirname, "../../dist");

/** What the server sends with each file of the console. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

export interface Running {
  /** The address of the server, and of the console's folder below it. */
  url: string;
  stop: () => Promise<void>;
}

/** Starts a server and waits until it listens. */
export async function startServer(flags: string[] = []): Promise<Running> {
  const child = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--durability", "memory", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const address = await listening(child);
  const front = await startFront(address);
  const port = (front.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${port}`,
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

/** The console's files under `/console/`; everything else goes to the server. */
async function startFront(target: URL): Promise<Server> {
  const front = createServer(async (incoming, answer) => {
    const path = new URL(incoming.url ?? "/", target).pathname;
    if (path.startsWith("/console/")) {
      const name = path === "/console/" ? "index.html" : normalize(path.slice("/console/".length));
      const body = await readFile(join(dist, name)).catch(() => undefined);
      const type = TYPES[extname(name)] ?? "application/octet-stream";
      answer.writeHead(body ? 200 : 404, { "content-type": type, "content-security-policy": POLICY }).end(body);
      return;
    }
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
