import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";

/** The worker's script in a scope of its own, with a cache and a network that a test decides on. */
const SCRIPT = readFileSync(join(import.meta.dirname, "../public/service-worker.js"), "utf-8");
const ORIGIN = "https://talks.example";

interface Fetched {
  readonly request: { method: string; mode: string; url: string };
  respondWith(answer: Promise<Response>): void;
}

let kept: Map<string, Response>;
let open: () => Promise<unknown>;
let isFull: boolean;
let network: (url: string) => Promise<Response>;
let handle: (event: Fetched) => void;

const cache = {
  match: (name: string | { url: string }) => Promise.resolve(kept.get(nameOf(name))?.clone()),
  put: (name: string | { url: string }, answer: Response) => {
    if (isFull) return Promise.reject(new DOMException("no room", "QuotaExceededError"));
    kept.set(nameOf(name), answer);
    return Promise.resolve();
  },
  keys: () => Promise.resolve([...kept.keys()].map((path) => ({ url: ORIGIN + path }))),
  delete: (one: { url: string }) => Promise.resolve(kept.delete(nameOf(one))),
};

function nameOf(name: string | { url: string }): string {
  return typeof name === "string" ? name : new URL(name.url).pathname;
}

beforeEach(() => {
  kept = new Map();
  isFull = false;
  open = () => Promise.resolve(cache);
  network = (url) => Promise.resolve(new Response(`new ${new URL(url).pathname}`));
  const self = {
    location: { origin: ORIGIN },
    addEventListener: (name: string, act: typeof handle) => {
      if (name === "fetch") handle = act;
    },
  };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const run = new Function("self", "caches", "fetch", SCRIPT) as (...scope: unknown[]) => void;
  run(self, { open: () => open() }, (request: { url: string }) => network(request.url));
});

async function asked(path: string, mode = "cors"): Promise<string> {
  let answer = Promise.reject<Response>(new Error("left to the browser"));
  answer.catch(() => undefined);
  handle({
    request: { method: "GET", mode, url: ORIGIN + path },
    respondWith: (given) => {
      answer = given;
    },
  });
  return (await answer).text();
}

it("gives what the network brings, also where nothing can be kept", async () => {
  isFull = true;
  expect(await asked("/assets/main-2.js")).toBe("new /assets/main-2.js");
  expect(await asked("/room/calm-1", "navigate")).toBe("new /room/calm-1");
  kept.set("/listen", new Response("old"));
  expect(await asked("/room/calm-1", "navigate")).toBe("new /room/calm-1");
  open = () => Promise.reject(new DOMException("forbidden", "SecurityError"));
  expect(await asked("/assets/main-2.js")).toBe("new /assets/main-2.js");
  expect(await asked("/listen", "navigate")).toBe("new /listen");
});

it("opens the page that it has kept while there is no network, and its parts", async () => {
  await asked("/listen/joyful-1", "navigate");
  await asked("/assets/main-1.js");
  network = () => Promise.reject(new TypeError("offline"));
  expect(await asked("/listen/joyful-1", "navigate")).toBe("new /listen/joyful-1");
  expect(await asked("/assets/main-1.js")).toBe("new /assets/main-1.js");
});

it("keeps nothing of a talk", async () => {
  for (const path of ["/captions/joyful-1/es", "/audio/joyful-1/es", "/operate"]) {
    await expect(asked(path, "navigate")).rejects.toThrow("left to the browser");
  }
  expect(kept.size).toBe(0);
});
