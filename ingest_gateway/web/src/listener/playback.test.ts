import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Playback } from "./playback";

/** A browser's sound that runs, and plays nothing. */
class Context {
  readonly state = "running";
  readonly currentTime = 0;
  readonly destination = {};
  createGain = () => ({ connect: () => undefined });
  resume = () => Promise.resolve();
  close = () => Promise.resolve();
}

let passed: number[];
let playback: Playback;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("AudioContext", Context);
  vi.stubGlobal("navigator", {});
  passed = [];
  playback = new Playback({
    began: () => undefined,
    ended: () => undefined,
    passed: (number) => passed.push(number),
    progress: () => undefined,
    refreshUrl: () => Promise.resolve(null),
  });
});
afterEach(() => {
  playback.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const skip = (sequenceNumber: number, previousSequenceNumber: number) => ({
  sequenceNumber,
  previousSequenceNumber,
  skipped: "late",
});

it("waits no longer for what is missing when the clock is put back", () => {
  playback.startBehind(1);
  playback.offer(skip(5, 3));
  vi.advanceTimersByTime(1000);
  expect(passed).toEqual([]);
  vi.setSystemTime(Date.now() - 3_600_000);
  vi.advanceTimersByTime(1500);
  expect(passed).toEqual([5]);
});

it("lets go of what waited when it is to begin further on", () => {
  playback.startBehind(1);
  playback.offer(skip(5, 3));
  playback.startBehind(5);
  expect(passed).toEqual([5]);
});
