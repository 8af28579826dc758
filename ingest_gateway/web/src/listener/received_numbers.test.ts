import { expect, it } from "vitest";
import { ReceivedNumbers } from "./received_numbers";

function received(complete: number | null, ...pairs: readonly [number, number | null][]) {
  const numbers = new ReceivedNumbers(complete);
  for (const [number, previous] of pairs) numbers.add(number, previous);
  return numbers;
}

function askedAtS(numbers: ReceivedNumbers, fromS: number, toS: number): number[] {
  const seconds = Array.from({ length: toS - fromS }, (_, at) => fromS + at);
  return seconds.filter((second) => numbers.isToAsk(second * 1000));
}

it("takes numbers of other languages for no hole", () => {
  expect(received(null, [2, null], [5, 2], [6, 5]).completeUntil).toBe(6);
  expect(received(7, [9, 7]).completeUntil).toBe(9);
  expect(received(null).completeUntil).toBe(-1);
});

it("ends the chain before what did not come, until it comes", () => {
  const numbers = received(null, [2, null], [6, 5], [8, 6]);
  expect(numbers.completeUntil).toBe(2);
  numbers.add(5, 2);
  expect(numbers.completeUntil).toBe(8);
});

it("misses what was being made when the history was told", () => {
  expect(received(7, [10, 9]).completeUntil).toBe(7);
});

it("asks for a hole that stays, less and less often, and gives it up", () => {
  const numbers = received(0, [2, 1]);
  expect(askedAtS(numbers, 0, 300)).toEqual([3, 12, 48]);
  expect(numbers.completeUntil).toBe(2);
});

it("does not ask for a hole that closes by itself, and asks for the next one as soon", () => {
  const numbers = received(0, [2, 1]);
  expect(askedAtS(numbers, 0, 3)).toEqual([]);
  numbers.add(1, 0);
  numbers.add(4, 3);
  expect(askedAtS(numbers, 10, 16)).toEqual([13]);
});

it("counts what comes without the number before it", () => {
  expect(received(0, [2, null], [3, null]).completeUntil).toBe(3);
});

it("takes its turn among all who miss the same", () => {
  const numbers = new ReceivedNumbers(0, 0.5);
  numbers.add(2, 1);
  expect(askedAtS(numbers, 0, 60)).toEqual([6, 24]);
});
