import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LineEvents } from "../protocol/line";
import { AnyLine } from "./any_line";

let opened: { kind: string; events: LineEvents & { missing?(): void }; closed: boolean }[];
let isReachable: boolean;

function open(kind: string) {
  return (events: LineEvents) => {
    const one = { kind, events, closed: false };
    opened.push(one);
    return {
      send: () => true,
      hurry: () => undefined,
      close: () => {
        one.closed = true;
      },
    };
  };
}

function begin(): AnyLine {
  const none = () => undefined;
  return new AnyLine(
    { opened: none, received: none, broken: none },
    {
      openSocket: open("socket"),
      openEvents: open("events"),
      isReachable: () => Promise.resolve(isReachable),
    },
  );
}

const kinds = () => opened.map((one) => one.kind);

beforeEach(() => {
  vi.useFakeTimers();
  [opened, isReachable] = [[], true];
});
afterEach(() => {
  vi.useRealTimers();
});

it("stays with a WebSocket that has worked once", async () => {
  begin();
  opened[0]?.events.received({ type: "heartbeatAck" });
  opened[0]?.events.broken();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kinds()).toEqual(["socket"]);
});

it.each([
  ["breaks at once", 0, true],
  ["never opens", 6000, false],
] as const)("takes events where a WebSocket %s", async (_why, waitMs, breaks) => {
  begin();
  if (breaks) opened[0]?.events.broken();
  await vi.advanceTimersByTimeAsync(waitMs);
  expect(kinds()).toEqual(["socket", "events"]);
  expect(opened[0]?.closed).toBe(true);
});

it("waits where nothing answers at all", async () => {
  isReachable = false;
  begin();
  opened[0]?.events.broken();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kinds()).toEqual(["socket"]);
});

it("goes back to a WebSocket where there are no events", async () => {
  begin();
  opened[0]?.events.broken();
  await vi.advanceTimersByTimeAsync(0);
  opened[1]?.events.missing?.();
  expect(kinds()).toEqual(["socket", "events", "socket"]);
});

it("opens nothing after it was closed", async () => {
  const line = begin();
  opened[0]?.events.broken();
  line.close();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kinds()).toEqual(["socket"]);
});
