import { expect, it } from "vitest";
import { Interface } from "./i18n";
import { memoryOf } from "./remembered";
import type { Catalogue } from "./texts";

const FILES = import.meta.glob<Catalogue>("../locales/{shared,listener}/*.json", {
  import: "default",
});
async function texts(preferred: readonly string[], memory = memoryOf(), files = FILES) {
  return (await Interface.begin(files, memory, preferred)).store.getState().translator;
}

it.each([
  [["de-AT", "es"], "de", "ltr"],
  [["ar-EG"], "ar", "rtl"],
  [["xx"], "en", "ltr"],
])("begins for %j in %s, %s", async (preferred, tag, direction) => {
  const translator = await texts(preferred);
  expect([translator.tag, translator.direction]).toEqual([tag, direction]);
});

it("counts as a language does", async () => {
  const arabic = await texts(["ar"]);
  const counts = [1, 2, 3, 11].map((seconds) => arabic.text("sound.behind", { seconds }));
  expect(new Set(counts).size).toBe(4);
  const english = await texts(["en"]);
  expect(english.text("sound.behind", { seconds: 1 })).toBe("1 second waits to be heard.");
  expect(english.text("sound.behind", { seconds: 2 })).toBe("2 seconds wait to be heard.");
});

it("writes numbers as a language does", async () => {
  const german = await texts(["de"]);
  expect([german.seconds(1.55, 1), german.percent(0.5)]).toEqual(["1,6 Sek.", "50\u00a0%"]);
});

const TEN = new Date(2027, 6, 1, 10).getTime();
const HOUR_MS = 3600_000;

it("names the day where it is another one", async () => {
  const german = await texts(["de"]);
  expect(german.moment(TEN, TEN - HOUR_MS)).toBe("10:00");
  expect(german.moment(TEN, TEN - 24 * HOUR_MS)).toBe("01.07.2027, 10:00");
});

it.each([
  ["en", TEN - 60_000, "in 1 minute"],
  ["en", TEN - 59_000, "in 1 minute"],
  ["en", TEN - 5 * HOUR_MS, "in 5 hours"],
  ["ja", TEN - 25 * 60_000, "25 分後"],
  ["ar", TEN - 3 * 60_000, "خلال 3 دقائق"],
  ["en", TEN - 29_000, null],
  ["en", TEN, null],
  ["en", TEN - 13 * HOUR_MS, null],
])("says in %s how soon something is", async (tag, nowMs, words) => {
  expect((await texts([tag])).until(TEN, nowMs)).toBe(words);
});

it("tells which texts nobody has reviewed", async () => {
  expect((await texts(["fr"])).isReviewed).toBe(false);
  expect((await texts(["es"])).isReviewed).toBe(true);
});

it("keeps what was chosen, and offers what all its folders have", async () => {
  const memory = memoryOf();
  const own = await Interface.begin(FILES, memory, ["es"]);
  await own.choose("ja");
  expect(own.store.getState().translator.tag).toBe("ja");
  expect((await texts(["es"], memory)).tag).toBe("ja");
  expect(own.tags.length).toBeGreaterThanOrEqual(12);
  // A page without Japanese: the browser's next wish counts.
  const without = Object.entries(FILES).filter(([path]) => !path.endsWith("listener/ja.json"));
  expect((await texts(["es"], memory, Object.fromEntries(without))).tag).toBe("es");
});

it("keeps markup in values as it is", async () => {
  const english = await texts(["en"]);
  expect(english.text("join.none", { name: "<b>{x}</b>" })).toContain("“<b>{x}</b>”");
});
