import { expect, it } from "vitest";
import { Interface, type Catalogue } from "./i18n";
import { memoryOf } from "./remembered";

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
