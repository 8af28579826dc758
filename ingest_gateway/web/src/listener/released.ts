// Sentences as they are released, ahead of their voice. Pure: lists in, a list out.
import type { CaptionLine } from "./captions";

/** `text` will not be changed any more, `preview` goes on with it and may be. */
export interface ReleasedSentence {
  readonly sentence: number;
  /** The utterance up to which it was translated. */
  readonly number: number;
  readonly text: string;
  readonly preview: string;
  readonly final: boolean;
}

/** Fewer than their lines: text whose lines are kept no more would be taken for unvoiced. */
const KEPT = 20;
const IN_WORD = /[\p{L}\p{N}\p{M}]/u;
/** What may stand behind a word and belong to it. */
const MARKS = /^[.?!…。！？｡؟۔।॥,;:、，；：،؛"'”’»)\]}」』）】›]+/u;

/** With this one in its place; an older state of a sentence does not come back. */
export function withReleased(
  known: readonly ReleasedSentence[],
  released: ReleasedSentence,
): readonly ReleasedSentence[] {
  const same = known.find(({ sentence }) => sentence === released.sentence);
  if (same !== undefined && same.number > released.number) return known;
  return [...known.filter((one) => one !== same), released]
    .toSorted((one, other) => one.sentence - other.sentence)
    .slice(-KEPT);
}

/** The lines, and of each sentence one more for what is released and no line says yet. */
export function withUnvoiced(
  lines: readonly CaptionLine[],
  released: readonly ReleasedSentence[],
): readonly CaptionLine[] {
  let all = lines;
  for (const one of released) {
    const own = lines.filter(({ sentence }) => sentence === one.sentence);
    const text = restOf(one.text, own);
    if (text === "") continue;
    const line = {
      number: one.number,
      text,
      original: "",
      state: "waiting" as const,
      saidAtMs: null,
      saidForMs: 0,
      hasClip: false,
      sentence: one.sentence,
    };
    const behind = all.findIndex((known) => isBehind(known, line));
    all = all.toSpliced(behind === -1 ? all.length : behind, 0, line);
  }
  return all;
}

/** What is coming after the newest sentence's released text. */
export function previewOf(released: readonly ReleasedSentence[]): string {
  const newest = released.at(-1);
  return newest === undefined || newest.final ? "" : newest.preview;
}

function isBehind(known: CaptionLine, line: CaptionLine): boolean {
  if (known.sentence === null || line.sentence === null || known.sentence === line.sentence)
    return known.number > line.number;
  return known.sentence > line.sentence;
}

/** Counted in letters: a phrase is shown without the mark of the word in front of it. */
function restOf(text: string, lines: readonly CaptionLine[]): string {
  const signs = Array.from(text);
  let left = lines.reduce((sum, line) => sum + lettersOf(line.text), 0);
  if (left === 0) return text.trim();
  const at = signs.findIndex((sign) => {
    if (left === 0) return true;
    if (IN_WORD.test(sign)) left -= 1;
    return false;
  });
  return at === -1 ? "" : signs.slice(at).join("").trimStart().replace(MARKS, "").trim();
}

function lettersOf(text: string): number {
  return Array.from(text).filter((sign) => IN_WORD.test(sign)).length;
}
