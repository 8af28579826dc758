import { expect, it } from "vitest";
import { trimmed } from "./clip_samples";

const RATE_HZ = 24_000;
const FADE = 48;

/** A second of sound that counts from 1. */
const sound = Float32Array.from({ length: RATE_HZ }, (_, n) => n + 1);

function padded(before: number, after: number): Float32Array {
  const samples = new Float32Array(before + sound.length + after);
  samples.set(sound, before);
  return samples;
}

const inner = (samples: Float32Array) => samples.subarray(FADE, samples.length - FADE);

it("cuts what the encoder put around a clip", () => {
  const cut = trimmed(padded(1105, 700), RATE_HZ, 1);
  expect(cut.length).toBe(RATE_HZ);
  expect(inner(cut)).toEqual(inner(sound));
});

it("leaves a clip whole that the decoder has cut already", () => {
  expect(inner(trimmed(sound, RATE_HZ, 1))).toEqual(inner(sound));
  expect(inner(trimmed(padded(0, 40), RATE_HZ, 1))).toEqual(inner(sound));
});

it("cuts by the same time at the device's rate", () => {
  const cut = trimmed(new Float32Array(48_000 + 2 * 1805), 48_000, 1);
  expect(cut.length).toBe(48_000);
});

it("keeps all of a clip whose length nobody told", () => {
  expect(trimmed(sound, RATE_HZ, 0).length).toBe(RATE_HZ);
});

it("begins and ends at nothing, so that no join clicks", () => {
  const cut = trimmed(new Float32Array(RATE_HZ).fill(1), RATE_HZ, 1);
  expect(cut[0]).toBeLessThan(0.02);
  expect(cut.at(-1)).toBeLessThan(0.02);
  expect(cut[FADE]).toBe(1);
});
