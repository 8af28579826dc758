import { expect, it } from "vitest";
import { highest, lagLines, linePath, roundCeiling, timeSpan } from "./chart";
import type { Point } from "./operations";

const AREA = { width: 300, height: 100 };
const MINUTE_MS = 60_000;

function at(minutes: number, lagP95Ms: Record<string, number> = {}): Point {
  return {
    at: minutes * MINUTE_MS,
    sessions: 0,
    listeners: 0,
    waitingRecords: 0,
    oldestWaitingMs: 0,
    deadLetters: 0,
    lagP95Ms,
  };
}

it.each([
  [0, 5, 5],
  [0, 2000, 2000],
  [2001, 2000, 5000],
  [7300, 2000, 10_000],
  [11_000, 2000, 20_000],
])("scales %d, at least %d, to %d", (value, least, ceiling) => {
  expect(roundCeiling(value, least)).toBe(ceiling);
});

it("shows at least five minutes, and all that is known", () => {
  expect(timeSpan([])).toEqual({ fromMs: -5 * MINUTE_MS, toMs: 0 });
  expect(timeSpan([9 * MINUTE_MS])).toEqual({ fromMs: 4 * MINUTE_MS, toMs: 9 * MINUTE_MS });
  expect(timeSpan([0, 8 * MINUTE_MS])).toEqual({ fromMs: 0, toMs: 8 * MINUTE_MS });
});

it("draws by time from the bottom up, and nothing higher than the top", () => {
  const times = [0, 150_000, 160_000, 300_000].map((ms) => ms + 5000);
  expect(linePath(times, [0, 50, 100, 900], 100, AREA)).toBe(
    "M0.0 100.0h0M150.0 50.0h0L160.0 0.0M300.0 0.0h0",
  );
});

it("breaks a line where there is no value or nobody looked", () => {
  const times = [0, 5000, 10_000, 15_000, 300_000];
  expect(linePath(times, [0, null, 0, 0, 0], 100, AREA)).toBe(
    "M0.0 100.0h0M10.0 100.0h0L15.0 100.0M300.0 100.0h0",
  );
  expect(linePath([], [], 100, AREA)).toBe("");
});

it("has a line for each language, broken where nothing went out in it", () => {
  const lines = lagLines([at(1, { es: 3 }), at(2, { ca: 5, es: 4 }), at(3)]);
  expect(lines).toEqual([
    { name: "ca", values: [null, 5, null] },
    { name: "es", values: [3, 4, null] },
  ]);
  expect([highest(lines), highest([])]).toEqual([5, 0]);
});
