import { expect, it } from "vitest";
import {
  paragraphsOf,
  spaceOf,
  stillPartial,
  withLine,
  withState,
  type CaptionLine,
} from "./captions";

const line = (number: number, text = `line ${String(number)}`, saidAtMs: number | null = null) =>
  ({
    number,
    text,
    original: "",
    state: "waiting",
    saidAtMs,
    saidForMs: 1000,
    hasClip: true,
    sentence: null,
  }) satisfies CaptionLine;

it("puts each line in its place, once", () => {
  const lines = [line(1), line(5), line(3), line(3, "again")].reduce(withLine, []);
  expect(lines).toEqual([line(1), line(3), line(5)]);
});

it("leaves a line as it is when its number is told again", () => {
  const heard = withState([line(1), line(2)], 1, "heard");
  expect(withLine(heard, { ...line(1, "told again"), state: "missing" })).toBe(heard);
});

it("does not bring back a line that is kept no more", () => {
  const many = Array.from({ length: 600 }, (_, at) => line(at)).reduce(withLine, []);
  expect(withLine(many, line(3, "told again"))).toEqual(many);
});

it("moves the end of no paragraph when the oldest ones go", () => {
  let lines: readonly CaptionLine[] = [];
  let before: readonly number[] = [];
  for (let at = 0; at < 1500; at++) {
    lines = withLine(
      lines,
      line(at, at % 4 === 3 ? "and there it ends." : `and then ${String(at)}`),
    );
    const begin = paragraphsOf(lines).map(({ number }) => number);
    const [first = 0] = begin;
    expect(begin.filter((number) => before.includes(number))).toEqual(
      before.filter((number) => number >= first),
    );
    before = begin;
  }
  expect(lines.length).toBeGreaterThanOrEqual(400);
  expect(lines.length).toBeLessThanOrEqual(500);
});

it("marks one line", () => {
  const lines = withState([line(1), line(2)], 2, "playing");
  expect(lines.map((one) => one.state)).toEqual(["waiting", "playing"]);
});

it("drops a hypothesis when its line has come", () => {
  const partial = { number: 2, text: "so far", language: "en" };
  expect(stillPartial(partial, [line(1)])).toBe(partial);
  expect(stillPartial(partial, [line(1), line(2)])).toBeNull();
  expect(stillPartial(partial, [line(3)])).toBeNull();
});

const shown = (...texts: readonly (string | [string, number])[]) =>
  paragraphsOf(
    texts.map((one, number) =>
      typeof one === "string" ? line(number, one) : line(number, one[0], one[1]),
    ),
  ).map(({ sentences }) => sentences.map(({ pieces }) => pieces.map(({ text }) => text).join("|")));

it("lets utterances flow together into sentences", () => {
  expect(shown("She had", "a kind face.", "He said:", "“Go!”", "Then")).toEqual([
    ["She had|a kind face.", "He said:|“Go!”", "Then"],
  ]);
});

it.each([
  ["。", "はい。"],
  ["؟", "لماذا؟"],
  ["।", "हाँ।"],
  ["…", "well …"],
  ["»", "«Sí.»"],
])("ends a sentence at %s", (_mark, text) => {
  expect(shown(text, "b")).toEqual([[text, "b"]]);
});

it("does not end one at a comma, in a number, or where a word goes on", () => {
  expect(shown("It was 3.5", "or so,", "e.g. here")).toEqual([["It was 3.5|or so,|e.g. here"]]);
});

it("goes on with a sentence over a mark inside it, where sentences are told", () => {
  const told = [line(0, "Mr."), line(1, "Baker came."), line(2, "He sat")];
  const numbered = told.map((one, at) => ({ ...one, sentence: at < 2 ? 4 : 5 }));
  const [paragraph] = paragraphsOf(numbered);
  expect(paragraph?.sentences.map(({ pieces }) => pieces.map(({ text }) => text))).toEqual([
    ["Mr.", "Baker came."],
    ["He sat"],
  ]);
});

it("begins a paragraph after three sentences, and after a silence", () => {
  expect(shown("A.", "B.", "C.", "D.")).toEqual([["A.", "B.", "C."], ["D."]]);
  expect(shown(["one", 0], ["two", 1500], ["three", 5000])).toEqual([["one|two"], ["three"]]);
});

it("ends a paragraph without any mark when it is long", () => {
  const long = "x".repeat(150);
  expect(shown(long, long, long, "y").map((sentences) => sentences.length)).toEqual([1, 1]);
});

it("keeps what is read where it is when more comes", () => {
  const all = Array.from({ length: 40 }, (_, number) =>
    line(number, number % 3 === 2 ? "end of it." : "some words", number * 1200),
  );
  let before = paragraphsOf([]);
  for (let count = 1; count <= all.length; count++) {
    const now = paragraphsOf(all.slice(0, count));
    expect(now.slice(0, before.length - 1)).toEqual(before.slice(0, -1));
    before = now;
  }
});

it("does not go on with a sentence over one that is missing", () => {
  expect(shown("before it", "", "after it")).toEqual([["before it|", "after it"]]);
});

it("puts no space where a script has none", () => {
  expect([spaceOf("ja"), spaceOf("zh-Hant"), spaceOf("de")]).toEqual(["", "", " "]);
});
