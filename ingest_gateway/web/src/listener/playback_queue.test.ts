import { expect, it } from "vitest";
import { PlaybackQueue, rateFor } from "./playback_queue";

/** Clips of 3 s whose chain has no hole, all loaded. */
function queueOf(...numbers: number[]): PlaybackQueue {
  const queue = new PlaybackQueue();
  numbers.forEach((number, index) => {
    queue.offerClip(number, numbers[index - 1] ?? null, 3, 0);
  });
  return queue;
}

function load(queue: PlaybackQueue): number[] {
  const numbers = queue.takeToLoad();
  numbers.forEach((number) => {
    queue.loaded(number);
  });
  return numbers;
}

const play = (number: number) => ({ act: "play", number });

it("plays in the order of the numbers, whatever order they came and were loaded in", () => {
  const queue = new PlaybackQueue();
  queue.startBehind(3);
  queue.offerClip(5, 4, 3, 0);
  queue.offerClip(4, 3, 3, 0);
  expect(queue.takeToLoad()).toEqual([4, 5]);
  queue.loaded(5);
  expect(queue.next(0)).toEqual({ act: "wait" });
  queue.loaded(4);
  expect([queue.next(0), queue.next(0), queue.next(0)]).toEqual([
    play(4),
    play(5),
    { act: "wait" },
  ]);
});

it("loads three clips ahead, and the next one when one has gone", () => {
  const queue = queueOf(0, 1, 2, 3, 4);
  expect(load(queue)).toEqual([0, 1, 2]);
  expect(load(queue)).toEqual([]);
  queue.next(0);
  expect(load(queue)).toEqual([3]);
});

it("knows a hole from a language that was not active", () => {
  const queue = queueOf(0, 7); // the one before 7 in this language was 0
  load(queue);
  expect([queue.next(0), queue.next(0)]).toEqual([play(0), play(7)]);
});

it("waits 2 s for what is missing on the way, then goes on without it", () => {
  const queue = new PlaybackQueue();
  queue.startBehind(0);
  queue.offerClip(2, 1, 3, 1000);
  load(queue);
  expect(queue.next(2999)).toEqual({ act: "wait" });
  expect(queue.next(3000)).toEqual(play(2));
  expect(queue.offerClip(1, 0, 3, 3100)).toBe(false); // its turn is over
});

it("passes a marker at its turn", () => {
  const queue = new PlaybackQueue();
  queue.startBehind(0);
  queue.offerSkip(2, 1, 0);
  queue.offerClip(1, 0, 3, 0);
  queue.offerClip(3, 2, 3, 0);
  expect(load(queue)).toEqual([1, 3]);
  expect([queue.next(0), queue.next(0), queue.next(0)]).toEqual([
    play(1),
    { act: "pass", number: 2, reason: "skipped" },
    play(3),
  ]);
});

it("passes a clip that could not be loaded, and one that takes for ever", () => {
  const queue = queueOf(0, 1, 2);
  queue.takeToLoad();
  queue.failed(0);
  queue.loaded(2);
  expect(queue.next(0)).toEqual({ act: "pass", number: 0, reason: "failed" });
  expect(queue.next(0)).toEqual({ act: "wait" });
  expect(queue.next(7999)).toEqual({ act: "wait" });
  expect(queue.next(8000)).toEqual({ act: "pass", number: 1, reason: "late" });
  expect(queue.next(8000)).toEqual(play(2));
});

it("takes each number once", () => {
  const queue = queueOf(0);
  expect(queue.offerClip(0, null, 3, 0)).toBe(false);
  load(queue);
  queue.next(0);
  expect(queue.offerClip(0, null, 3, 0)).toBe(false);
});

it("jumps to the newest clip", () => {
  const queue = queueOf(0, 1, 2, 3);
  load(queue);
  expect(queue.behindS).toBe(12);
  expect(queue.jumpToLive()).toEqual([0, 1, 2]);
  expect(queue.behindS).toBe(3);
  load(queue);
  expect(queue.next(0)).toEqual(play(3));
});

it("plays a number once, however often and late it is told", () => {
  const queue = queueOf(0, 1);
  expect(queue.offerClip(1, 0, 3, 0)).toBe(false);
  expect(queue.offerSkip(1, 0, 0)).toBe(false);
  load(queue);
  expect([queue.next(0), queue.next(0)]).toEqual([play(0), play(1)]);
  expect(queue.offerSkip(2, 1, 0)).toBe(true);
  expect(queue.next(0)).toEqual({ act: "pass", number: 2, reason: "skipped" });
  for (const number of [0, 1, 2]) expect(queue.offerClip(number, null, 3, 0)).toBe(false);
  expect(queue.next(60_000)).toEqual({ act: "wait" });
});

it("may be handed again what another language left", () => {
  const queue = queueOf(0, 1, 2);
  load(queue);
  queue.next(0);
  expect(queue.clear()).toEqual([1, 2]);
  expect(queue.offerClip(1, 0, 3, 0)).toBe(true);
  expect(queue.offerClip(0, null, 3, 0)).toBe(false);
});

it("plays faster the further behind it is, up to 1.15", () => {
  expect([0, 4, 8, 12, 60].map(rateFor)).toEqual([1, 1, 1.075, 1.15, 1.15]);
});
