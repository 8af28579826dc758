import { expect, it } from "vitest";
import { isSlow } from "./network_speed";

const at = (bytesPerS: number) => ({ transferSize: 30_000, duration: (30_000 / bytesPerS) * 1000 });

it.each([
  ["3 KB/s", [at(3000)], undefined, true],
  ["one part that was fast enough", [at(3000), at(90_000)], undefined, false],
  ["a page out of the cache", [{ transferSize: 0, duration: 1 }], undefined, false],
  ["small parts only", [{ transferSize: 900, duration: 900 }], undefined, false],
  ["a browser that saves data", [at(900_000)], { saveData: true }, true],
  ["a browser on 2G", [], { effectiveType: "slow-2g" }, true],
  ["a browser on 4G", [], { effectiveType: "4g" }, false],
] as const)("judges %s", (_what, fetched, network, slow) => {
  expect(isSlow(fetched, network)).toBe(slow);
});
