import { expect, it } from "vitest";
import { clockAheadMs } from "./server_clock";

const NOON = Date.UTC(2027, 6, 1, 12);
const DAY_MS = 24 * 3600_000;

function answered(date?: string): Response {
  return new Response(null, { headers: date === undefined ? {} : { date } });
}

it.each([
  ["a day ahead", NOON - DAY_MS, DAY_MS],
  ["a day behind", NOON + DAY_MS, -DAY_MS],
  ["right", NOON, 0],
])("finds a gateway %s", (_what, nowMs, aheadMs) => {
  expect(clockAheadMs(answered("Thu, 01 Jul 2027 12:00:00 GMT"), nowMs)).toBe(aheadMs);
});

it.each([[undefined], ["soon"]])("believes the device where an answer says %s", (date) => {
  expect(clockAheadMs(answered(date), NOON)).toBe(0);
});
