import { expect, it } from "vitest";
import { Backoff } from "./backoff";

it("waits ever longer, up to five seconds, and starts anew when all was well", () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 6 }, () => backoff.next(1));
  expect(waits).toEqual([300, 600, 1200, 2400, 4800, 5000]);
  backoff.reset();
  expect(backoff.next(1)).toBe(300);
});

it("spreads two hundred listeners who lost the same gateway in the same second", () => {
  const second = Array.from({ length: 200 }, (_, at) => {
    const backoff = new Backoff();
    backoff.next(at / 200);
    return backoff.next(at / 200);
  });
  const tenths = second.map((ms) => Math.floor(ms / 100));
  const together = [3, 4, 5].map((tenth) => tenths.filter((one) => one === tenth).length);
  expect(together.every((count) => count <= 70)).toBe(true);
  expect(together.reduce((sum, count) => sum + count)).toBe(200);
});
