import { expect, it } from "vitest";

const SHEETS = import.meta.glob<string>("./**/*.css", {
  query: "?raw",
  import: "default",
  eager: true,
});
/** Physical sides and sizes: wrong for half of the scripts that the pages are read in. */
const PHYSICAL =
  /^\s*(?:(?:margin|padding|border)-(?:left|right|top|bottom)|(?:min-|max-)?(?:width|height)|left|right|top|bottom|text-align:\s*(?:left|right)|float:\s*(?:left|right))(?![-\w])/;

it.each(Object.entries(SHEETS))("%s is laid out by logical properties", (_name, sheet) => {
  const physical = sheet.split("\n").filter((line) => PHYSICAL.test(line));
  expect(physical).toEqual([]);
});

it("sees the sheets at all", () => {
  expect(Object.keys(SHEETS).length).toBeGreaterThan(1);
});
