import { describe, expect, it } from "vitest";
import { Resampler } from "./resampler";

const OUT_HZ = 16_000;

function tone(hz: number, rateHz: number, seconds: number): Float32Array {
  return Float32Array.from({ length: rateHz * seconds }, (_, n) =>
    Math.sin((2 * Math.PI * hz * n) / rateHz),
  );
}

/** In blocks of 128, as the audio thread gets them. */
function resampled(input: Float32Array, fromHz: number): Float32Array {
  const resampler = new Resampler(fromHz, OUT_HZ);
  const blocks: number[] = [];
  for (let at = 0; at < input.length; at += 128) {
    blocks.push(...resampler.push(input.subarray(at, at + 128)));
  }
  return Float32Array.from(blocks);
}

/** Amplitude of one frequency in the middle of it. */
function amplitude(samples: Float32Array, hz: number): number {
  const middle = samples.subarray(2000, samples.length - 2000);
  let real = 0;
  let imaginary = 0;
  middle.forEach((sample, n) => {
    real += sample * Math.cos((2 * Math.PI * hz * n) / OUT_HZ);
    imaginary += sample * Math.sin((2 * Math.PI * hz * n) / OUT_HZ);
  });
  return (2 * Math.hypot(real, imaginary)) / middle.length;
}

describe.each([44_100, 48_000, 96_000])("from %i Hz", (fromHz) => {
  it("keeps a voice as loud as it was", () => {
    for (const hz of [200, 1000, 5000]) {
      expect(amplitude(resampled(tone(hz, fromHz, 1), fromHz), hz)).toBeCloseTo(1, 2);
    }
  });

  it("takes out what the lower rate cannot carry", () => {
    // 10 kHz would come back as 6 kHz.
    expect(amplitude(resampled(tone(10_000, fromHz, 1), fromHz), 6000)).toBeLessThan(0.002);
  });

  it("loses no sample over many blocks", () => {
    const output = resampled(tone(440, fromHz, 3), fromHz);
    // All but the ends of its window, which wait for more input.
    expect(output.length).toBeGreaterThan(3 * OUT_HZ - 40);
    expect(output.length).toBeLessThanOrEqual(3 * OUT_HZ);
  });
});

it("lets the wanted rate through untouched", () => {
  const block = tone(440, OUT_HZ, 1);
  expect(new Resampler(OUT_HZ, OUT_HZ).push(block)).toBe(block);
});
