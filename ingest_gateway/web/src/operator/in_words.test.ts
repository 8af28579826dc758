import { expect, it } from "vitest";
import { agoInWords, countsInWords, durationInWords, sumOf } from "./in_words";
import { tokenOfHash } from "./operator_token";

it.each([
  [-5, "0.0 s"],
  [449, "0.4 s"],
  [9_949, "9.9 s"],
  [9_951, "10 s"],
  [89_000, "89 s"],
  [90_000, "2 min"],
  [89 * 60_000, "89 min"],
  [125 * 60_000, "2 h 5 min"],
])("says %d ms as %s", (ms, words) => {
  expect(durationInWords(ms)).toBe(words);
});

it("says how long ago, and nothing of what is not known", () => {
  expect([agoInWords(1000, 3500), agoInWords(null, 3500)]).toEqual(["2.5 s", "–"]);
});

it("says counts by name", () => {
  expect(countsInWords({ es: 2, ca: 1 })).toBe("ca 1, es 2");
  expect([countsInWords({}), sumOf({ es: 2, ca: 1 }), sumOf({})]).toEqual(["", 3, 0]);
});

it.each([
  ["#token=a.b-c_d", "a.b-c_d"],
  ["#token=", null],
  ["#other", null],
  ["", null],
])("finds in %j the token %j", (hash, token) => {
  expect(tokenOfHash(hash)).toBe(token);
});
