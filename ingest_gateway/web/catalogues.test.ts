import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { compiled, faultsOf, type CatalogueFile } from "./catalogues";

const LOCALES = join(import.meta.dirname, "src", "locales");

function read(folder: string, tag: string): CatalogueFile {
  return JSON.parse(readFileSync(join(LOCALES, folder, `${tag}.json`), "utf-8")) as CatalogueFile;
}

const ALL = readdirSync(LOCALES).flatMap((folder) =>
  readdirSync(join(LOCALES, folder)).map((name) => [folder, name.replace(".json", "")] as const),
);

const FOLDERS = readdirSync(LOCALES);
const SOURCES = readdirSync(join(import.meta.dirname, "src"), { recursive: true })
  .map(String)
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => readFileSync(join(import.meta.dirname, "src", name), "utf-8"))
  .join("\n");

it.each(ALL)("%s in %s is complete", (folder, tag) => {
  expect(faultsOf(read(folder, tag), tag, read(folder, "en"))).toEqual([]);
});

it("has five reviewed languages on every page, and seven more", () => {
  const reviewed = (folder: string) =>
    ALL.filter(([at, tag]) => at === folder && read(folder, tag).status === "reviewed");
  expect(reviewed("listener").map(([, tag]) => tag)).toEqual(["ar", "de", "en", "es", "pt"]);
  expect(reviewed("speaker").map(([, tag]) => tag)).toEqual(["ar", "de", "en", "es", "pt"]);
  expect(reviewed("organiser").map(([, tag]) => tag)).toEqual(["ar", "de", "en", "es", "pt"]);
  for (const folder of FOLDERS) {
    expect(ALL.filter(([at]) => at === folder).length).toBeGreaterThanOrEqual(12);
  }
});

it.each(FOLDERS)("has no text in %s that no page shows", (folder) => {
  const isShown = (id: string) =>
    SOURCES.includes(`"${id}"`) || SOURCES.includes(`\`${id.split(".", 1).join()}.\${`);
  const unused = Object.keys(read(folder, "en").messages).filter((id) => !isShown(id));
  expect(unused).toEqual([]);
});

it("isolates what is typed as it is in texts that run from the right", () => {
  const texts = FOLDERS.flatMap((folder) => Object.values(read(folder, "ar").messages));
  const commands = texts.flatMap((text) => [...text.matchAll(/.make [a-z]+ [A-Z_]+=[^\s»]*/gu)]);
  expect(commands.length).toBe(2);
  for (const [command] of commands) expect(command).toMatch(/^\u2066.*\u2069$/u);
});

function file(messages: Record<string, string>): CatalogueFile {
  return { status: "reviewed", messages };
}

const SOURCE = file({ a: "A {name}", b: "{n, plural, one {# day} other {# days}}" });

it.each([
  ["a missing text", "de", { a: "A {name}" }, "b is missing"],
  ["one too many", "de", { ...SOURCE.messages, c: "C" }, "c is not in the en catalogue"],
  ["a value that is not used", "de", { ...SOURCE.messages, a: "A" }, "does not use {name}"],
  ["an unknown value", "de", { ...SOURCE.messages, a: "{name} {x}" }, "unknown {x}"],
  ["a plural that is lacking", "ar", SOURCE.messages, 'lacks the plural "few"'],
  ["an empty text", "de", { ...SOURCE.messages, a: " " }, "a is empty"],
  ["a text that is none", "de", { ...SOURCE.messages, a: "{name" }, "a cannot be read"],
])("finds %s", (_what, tag, messages, fault) => {
  expect(faultsOf(file(messages), tag, SOURCE).join("\n")).toContain(fault);
});

it("compiles only what has values", () => {
  expect(compiled(file({ a: "plain", b: "{x}!" }))).toMatchObject({
    messages: { a: "plain", b: [{ value: "x" }, { value: "!" }] },
  });
});
