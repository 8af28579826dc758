import { expect, it } from "vitest";
import { likeliestFirst, lookup } from "./language_range";
import { directionOf, nativeName } from "./language_table";

it.each([
  [["pt-BR"], "pt-BR"],
  [["PT-br-x-mine"], "pt-BR"],
  [["zh-Hant-CN-x-private1-private2"], "zh-Hant"],
  [["zh-TW"], "zh-Hant"], // a region that stands for a script
  [["nb-NO"], "no"], // another code for the same language
  [["zh-Hans"], "en"], // lookup never widens to another script
  [["de-CH", "es"], "es"],
  [["es-u-co-trad"], "es"],
  [[], "en"],
])("looks %j up as %s", (ranges, tag) => {
  expect(lookup(ranges, ["en", "es", "no", "pt-BR", "zh-Hant"], "en")).toBe(tag);
});

it("offers the likeliest first: what matches, what is within, what is near", () => {
  const tags = ["zh-Hant", "ar", "pt-BR", "es", "pt-PT", "de"];
  const { likely, others } = likeliestFirst(tags, ["pt-PT", "es-MX", "pt"], nativeName);
  expect(likely).toEqual(["pt-PT", "pt-BR", "es"]);
  expect(others).toEqual(["de", "ar", "zh-Hant"]);
});

it("calls none likelier than another when no wish fits", () => {
  const { likely, others } = likeliestFirst(["es", "ca"], ["fi", "xx"], nativeName);
  expect([likely, others]).toEqual([[], ["ca", "es"]]);
});

it("calls a language as its speakers do", () => {
  expect(["es", "ar", "ja", "pt-BR", "sw", "no such"].map(nativeName)).toEqual([
    "Español",
    "العربية",
    "日本語",
    "Português (Brasil)",
    "Kiswahili",
    "no such",
  ]);
});

it.each([
  ["ar", "rtl"],
  ["he-IL", "rtl"],
  ["az-Arab", "rtl"],
  ["pa-Arab-PK", "rtl"],
  ["ur-Latn", "ltr"],
  ["es", "ltr"],
  ["", "ltr"],
])("writes %j %s", (tag, direction) => {
  expect(directionOf(tag)).toBe(direction);
});
