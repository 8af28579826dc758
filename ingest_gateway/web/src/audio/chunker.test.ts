import { expect, it } from "vitest";
import { Chunker } from "./chunker";

it("cuts a run of samples into chunks and hands over the rest", () => {
  const chunker = new Chunker(4);
  expect(chunker.push(Float32Array.of(0, 0.5, -0.5))).toEqual([]);
  expect(chunker.push(Float32Array.of(1, -1, 2, -2, 0, 0.25))).toEqual([
    Int16Array.of(0, 16384, -16383, 32767),
    Int16Array.of(-32767, 32767, -32767, 0),
  ]);
  expect(chunker.flush()).toEqual([Int16Array.of(8192)]);
  expect(chunker.flush()).toEqual([]);
});
