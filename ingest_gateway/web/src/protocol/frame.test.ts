import { expect, it } from "vitest";
import { encodeFrame } from "./frame";

it("writes the header big endian and the samples little endian", () => {
  const bytes = encodeFrame(258, 0x0102030405, Int16Array.of(1, -2));
  expect([...bytes]).toEqual([
    ...[0xa1, 1, 0, 0],
    ...[0, 0, 0, 0, 0, 0, 1, 2],
    ...[0, 0, 0, 1, 2, 3, 4, 5],
    ...[0, 0, 0, 4],
    ...[1, 0, 0xfe, 0xff],
  ]);
});
