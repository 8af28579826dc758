import { expect, it } from "vitest";
import type { CaptionLine } from "./captions";
import { previewOf, withReleased, withUnvoiced, type ReleasedSentence } from "./released";

const voiced = (number: number, text: string, sentence: number | null = 0): CaptionLine => ({
  number,
  text,
  original: "",
  state: "waiting",
  saidAtMs: null,
  saidForMs: 0,
  hasClip: true,
  sentence,
});

const released = (
  number: number,
  text: string,
  more: Partial<ReleasedSentence> = {},
): ReleasedSentence => ({ sentence: 0, number, text, preview: "", final: false, ...more });

const texts = (lines: readonly CaptionLine[]) => lines.map(({ text }) => text);

it("shows what is released before anything is voiced", () => {
  expect(texts(withUnvoiced([], [released(2, "Cuando llegó")]))).toEqual(["Cuando llegó"]);
});

it("shows of a sentence what no clip says yet, without the mark in front", () => {
  const lines = [voiced(2, "Cuando llegó el barco")];
  const more = released(4, "Cuando llegó el barco, ella llevaba");
  expect(texts(withUnvoiced(lines, [more]))).toEqual(["Cuando llegó el barco", "ella llevaba"]);
});

it("shows nothing twice when the voice has come", () => {
  const lines = [voiced(2, "Cuando llegó"), voiced(4, "el barco.")];
  const all = released(4, "Cuando llegó el barco.", { final: true });
  expect(withUnvoiced(lines, [all])).toEqual(lines);
});

it("counts letters, not words, where there are no spaces", () => {
  const lines = [voiced(1, "船が着いたとき、")];
  const more = released(3, "船が着いたとき、彼女は");
  expect(texts(withUnvoiced(lines, [more]))).toEqual(["船が着いたとき、", "彼女は"]);
});

it("keeps a sentence that waits for its voice in front of the next one", () => {
  const lines = [voiced(2, "Uno dos tres.", 0), voiced(9, "Siete ocho nueve.", 2)];
  const waiting = [released(9, "Cuatro cinco.", { sentence: 1, final: true })];
  expect(texts(withUnvoiced(lines, waiting))).toEqual([
    "Uno dos tres.",
    "Cuatro cinco.",
    "Siete ocho nueve.",
  ]);
});

it("takes a newer state of a sentence and leaves an older one", () => {
  const newer = released(5, "Uno dos");
  const known = [released(3, "Uno")].reduce(withReleased, []);
  expect(withReleased(known, newer)).toEqual([newer]);
  expect(withReleased([newer], released(3, "Uno"))).toEqual([newer]);
});

it("previews the newest sentence until it is final", () => {
  const first = released(3, "Uno", { final: true, preview: "dos" });
  const second = released(5, "Tres", { sentence: 1, preview: "cuatro" });
  expect(previewOf([])).toBe("");
  expect(previewOf([first])).toBe("");
  expect(previewOf([second, first].reduce(withReleased, []))).toBe("cuatro");
});

it("lets go of a released sentence before its lines are let go of", () => {
  const all = Array.from({ length: 60 }, (_, sentence) => sentence);
  const known = all
    .map((sentence) => released(sentence, "Uno dos", { sentence, final: true }))
    .reduce(withReleased, []);
  const lines = all.slice(-40).map((sentence) => voiced(sentence, "Uno dos", sentence));
  expect(withUnvoiced(lines, known)).toEqual(lines);
});
