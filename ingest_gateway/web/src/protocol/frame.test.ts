import { expect, it } from "vitest";
import { asMessage, encodeFrame } from "./frame";

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

it("says the same in a message", () => {
  const frame = encodeFrame(258, 1_790_000_000_123, Int16Array.of(1, -2));
  expect(asMessage("joyful-mountain-789", "s1", frame)).toEqual({
    action: "audioChunk",
    sessionId: "joyful-mountain-789",
    streamId: "s1",
    sequence: 258,
    timestamp: 1_790_000_000_123,
    audioData: "AQD+/w==",
    format: "pcm",
    encoding: "s16le",
    sampleRate: 16000,
    channels: 1,
  });
});
