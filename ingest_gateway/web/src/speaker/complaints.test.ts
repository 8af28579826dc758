import { expect, it } from "vitest";
import { Complaints } from "./complaints";

it("tells of the last minute only, and not of what was there before the page came", () => {
  const complaints = new Complaints();
  const counts = (
    [
      [4, 0],
      [5, 4000],
      [7, 8000],
      [7, 63_999],
      [7, 64_000],
      [7, 68_000],
    ] as const
  ).map(([total, nowMs]) => complaints.seen(total, nowMs).cannotHear);
  expect(counts).toEqual([0, 1, 3, 3, 2, 0]);
});
