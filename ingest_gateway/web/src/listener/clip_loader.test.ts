import { expect, it } from "vitest";
import { ClipLostError, loadClip } from "./clip_loader";

interface Tried {
  urls: string[];
  waits: number[];
  refreshed: number;
}

/** Answers in turn: a status, or a network that breaks. */
function needs(answers: (number | "broken")[], fresh: string | null = "/fresh") {
  const tried: Tried = { urls: [], waits: [], refreshed: 0 };
  return {
    tried,
    fetch: (url: string) => {
      tried.urls.push(url);
      const answer = answers.shift() ?? 200;
      if (answer === "broken") return Promise.reject(new TypeError("network"));
      return Promise.resolve(new Response("mp3", { status: answer }));
    },
    refreshUrl: () => {
      tried.refreshed++;
      return Promise.resolve(fresh);
    },
    wait: (ms: number) => {
      tried.waits.push(ms);
      return Promise.resolve();
    },
  };
}

const text = (body: ArrayBuffer) => new TextDecoder().decode(body);

it("takes the sound that came with the message", async () => {
  const some = needs([]);
  expect(text(await loadClip({ url: "/clip", audio: btoa("inline") }, some))).toBe("inline");
  expect(some.tried.urls).toEqual([]);
});

it("tries three more times, after ever longer waits", async () => {
  const some = needs(["broken", 503, "broken", 200]);
  expect(text(await loadClip({ url: "/clip" }, some))).toBe("mp3");
  expect(some.tried).toEqual({
    urls: ["/clip", "/clip", "/clip", "/clip"],
    waits: [250, 500, 1000],
    refreshed: 0,
  });
});

it.each([403, 404])("asks for a fresh link behind a %i", async (status) => {
  const some = needs([status, 200]);
  await loadClip({ url: "/old" }, some);
  expect(some.tried).toMatchObject({ urls: ["/old", "/fresh"], refreshed: 1 });
});

it("gives up at last, at once where there is no link", async () => {
  await expect(loadClip({ url: "/clip" }, needs([500, 500, 500, 500]))).rejects.toThrow("HTTP 500");
  await expect(loadClip({ url: null }, needs([], null))).rejects.toThrow(ClipLostError);
});
