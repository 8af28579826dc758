import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RefusedError } from "../speaker/account";
import type { Operations } from "./operations";
import { OperationsWatch, type WatchNeeds } from "./operations_watch";

let asked: string[];
let kept: string | null;
let refusal: Error | null;
let isLookedAt: boolean;
let watch: OperationsWatch;

function needs(): WatchNeeds {
  return {
    fetchOffer: () =>
      Promise.resolve({ languages: {}, publicUrl: null, binaryFrames: true, signIn: null }),
    fetchOperations: (token, sinceMs) => {
      asked.push(`${token} ${sinceMs}`);
      if (refusal !== null) return Promise.reject(refusal);
      const point = { at: asked.length };
      return Promise.resolve({ at: 100, history: [point] } as unknown as Operations);
    },
    token: {
      kept: () => kept,
      keep: (token) => {
        kept = token;
      },
      forget: () => {
        kept = null;
      },
    },
    pool: {
      beginSignIn: () => Promise.resolve(),
      finishSignIn: () => Promise.resolve(),
      signedInToken: () => Promise.resolve(null),
      isSignedIn: () => false,
      signOut: () => undefined,
      forgetSignIn: () => undefined,
    },
    isLookedAt: () => isLookedAt,
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  kept = null;
  refusal = null;
  isLookedAt = true;
  watch = new OperationsWatch(needs());
});
afterEach(() => {
  vi.useRealTimers();
});

it("asks every two seconds for what it does not know yet, while it is looked at", async () => {
  await watch.begin("one");
  await vi.advanceTimersByTimeAsync(2000);
  expect(asked).toEqual(["one 0", "one 1"]);
  isLookedAt = false;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked.length).toBe(2);
  isLookedAt = true;
  await watch.lookAgain();
  expect(asked.at(-1)).toBe("one 2");
});

it("goes on with the token of its tab, and forgets one that is no good", async () => {
  kept = "kept";
  await watch.begin(null);
  expect(asked).toEqual(["kept 0"]);
  refusal = new RefusedError("FORBIDDEN", "");
  await vi.advanceTimersByTimeAsync(2000);
  expect([kept, watch.store.getState().token]).toEqual([null, null]);
});

it("keeps what it knows while the gateway is away", async () => {
  await watch.begin("one");
  await vi.advanceTimersByTimeAsync(0);
  refusal = new RefusedError("UNREACHABLE", "The gateway does not answer.");
  await vi.advanceTimersByTimeAsync(2000);
  expect(watch.store.getState()).toMatchObject({ token: "one", operations: { at: 100 } });
  expect(watch.store.getState().problem).toContain("Trying again");
});

it("asks nothing after it was stopped", async () => {
  await watch.begin("one");
  watch.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([asked.length, kept]).toEqual([1, null]);
});
