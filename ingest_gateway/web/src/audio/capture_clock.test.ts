import { expect, it } from "vitest";
import { CaptureClock } from "./capture_clock";

it("counts samples on, whatever the page was busy with", () => {
  const clock = new CaptureClock();
  expect(clock.firstSampleMs(1256, 256)).toBe(1000);
  expect(clock.firstSampleMs(1600, 256)).toBe(1256); // seen 88 ms late
  expect(clock.firstSampleMs(1768, 256)).toBe(1512);
});

it("believes the earliest sighting", () => {
  const clock = new CaptureClock();
  clock.firstSampleMs(1356, 256); // 100 ms late
  expect(clock.firstSampleMs(1512, 256)).toBe(1256);
});

it("begins anew behind a pause", () => {
  const clock = new CaptureClock();
  clock.firstSampleMs(1256, 256);
  expect(clock.firstSampleMs(60_256, 256)).toBe(60_000);
});
