import { expect, it } from "vitest";
import { stretched } from "./time_stretch";

const RATE_HZ = 24_000;

function tone(hz: number, seconds: number): Float32Array {
  return Float32Array.from({ length: RATE_HZ * seconds }, (_, n) =>
    Math.sin((2 * Math.PI * hz * n) / RATE_HZ),
  );
}

function crossings(samples: Float32Array): number {
  return samples.reduce(
    (count, sample, n) => count + (n > 0 && sample >= 0 && (samples[n - 1] ?? 0) < 0 ? 1 : 0),
    0,
  );
}

it.each([1.05, 1.15])("at %f, a tone is shorter, as high and as smooth as before", (rate) => {
  const output = stretched(tone(200, 2), RATE_HZ, rate);
  const seconds = output.length / RATE_HZ;
  expect(seconds).toBeCloseTo(2 / rate, 2);
  expect(crossings(output) / seconds).toBeCloseTo(200, -1);
  // A jump where grains meet would be a step that a tone of 200 Hz never makes.
  const step = output.reduce((most, sample, n) => {
    return n === 0 ? 0 : Math.max(most, Math.abs(sample - (output[n - 1] ?? 0)));
  }, 0);
  expect(step).toBeLessThan(0.08);
});

it("leaves a clip alone at its own speed, and one too short to be cut", () => {
  const clip = tone(200, 1);
  expect(stretched(clip, RATE_HZ, 1)).toBe(clip);
  const short = tone(200, 0.05);
  expect(stretched(short, RATE_HZ, 1.15)).toBe(short);
});
