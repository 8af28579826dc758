// The lines that a listener reads. Pure: a list in, a list out.

export type CaptionState = "past" | "waiting" | "playing" | "heard" | "missing";

/** One utterance: as recognition cuts it, often only a part of a sentence. */
export interface CaptionLine {
  readonly number: number;
  readonly text: string;
  readonly original: string;
  readonly state: CaptionState;
  /** When it was said, by the talk's clock; null: not told. */
  readonly saidAtMs: number | null;
  readonly saidForMs: number;
  /** There is a clip to hear it again. */
  readonly hasClip: boolean;
  /** The talk's sentence that it belongs to; null: not told. */
  readonly sentence: number | null;
}

export interface PartialLine {
  readonly number: number;
  readonly text: string;
  readonly language: string;
}

export interface Sentence {
  readonly pieces: readonly CaptionLine[];
}

/** Sentences that belong together. Its first piece's number names it. */
export interface Paragraph {
  readonly number: number;
  readonly sentences: readonly Sentence[];
}

const MOST_KEPT = 500;
/** Whole paragraphs are let go of, down to this: one line less would move the ends of all others. */
const LEAST_KEPT = 400;
/** Between two utterances: a speaker who is silent for so long begins something new. */
const NEW_PARAGRAPH_PAUSE_MS = 2500;
const PARAGRAPH_SENTENCES = 3;
/** Characters of a paragraph that is long enough; of one without a sentence's end. */
const LONG_PARAGRAPH = 240;
const LONGEST_PARAGRAPH = 420;
const SENTENCE_END = /[.!?…。．！？؟۔।॥։።]["'”’»«“)\]」』）]*\s*$/u;
/** Scripts that put no space between words. */
const UNSPACED = new Set(["ja", "zh", "th", "lo", "km", "my"]);

/** With this line in its place by number; one that is there already stays as it is. */
export function withLine(lines: readonly CaptionLine[], line: CaptionLine): readonly CaptionLine[] {
  if (lines.some((known) => known.number === line.number)) return lines;
  const behind = lines.findIndex((known) => known.number > line.number);
  if (behind === 0 && lines.length >= LEAST_KEPT) return lines; // kept no more
  const place = behind === -1 ? lines.length : behind;
  const all = lines.toSpliced(place, 0, line);
  return all.length > MOST_KEPT ? withoutFirst(all) : all;
}

function withoutFirst(lines: readonly CaptionLine[]): readonly CaptionLine[] {
  let left = lines.length;
  for (const { sentences } of paragraphsOf(lines)) {
    const size = sentences.reduce((sum, { pieces }) => sum + pieces.length, 0);
    if (left - size < LEAST_KEPT) break;
    left -= size;
  }
  return lines.slice(-left);
}

export function withState(
  lines: readonly CaptionLine[],
  number: number,
  state: CaptionState,
): readonly CaptionLine[] {
  return lines.map((line) => (line.number === number ? { ...line, state } : line));
}

/** A hypothesis goes when the line it was about, or a later one, has come. */
export function stillPartial(
  partial: PartialLine | null,
  lines: readonly CaptionLine[],
): PartialLine | null {
  const newest = lines.at(-1)?.number ?? -1;
  return partial !== null && partial.number > newest ? partial : null;
}

/** Lines as flowing text. Once begun, a paragraph only grows at its end: what is read does not jump.
 */
export function paragraphsOf(lines: readonly CaptionLine[]): readonly Paragraph[] {
  const paragraphs: { number: number; sentences: { pieces: CaptionLine[] }[] }[] = [];
  let length = 0;
  let before: CaptionLine | null = null;
  for (const line of lines) {
    const last = paragraphs.at(-1);
    const isAtEnd = before === null || isSentenceBetween(before, line);
    const isNew = before === null || last === undefined || isParted(before, line);
    const isFull =
      (isAtEnd && (length >= LONG_PARAGRAPH || last?.sentences.length === PARAGRAPH_SENTENCES)) ||
      length >= LONGEST_PARAGRAPH;
    if (isNew || isFull) {
      paragraphs.push({ number: line.number, sentences: [{ pieces: [line] }] });
      length = 0;
    } else if (isAtEnd) {
      last.sentences.push({ pieces: [line] });
    } else {
      last.sentences.at(-1)?.pieces.push(line);
    }
    length += line.text.length;
    before = line;
  }
  return paragraphs;
}

/** What stands between two pieces. */
export function spaceOf(language: string): string {
  return UNSPACED.has(language.toLowerCase().split("-")[0] ?? "") ? "" : " ";
}

function isParted(before: CaptionLine, line: CaptionLine): boolean {
  if (before.saidAtMs === null || line.saidAtMs === null) return false;
  return line.saidAtMs - (before.saidAtMs + before.saidForMs) >= NEW_PARAGRAPH_PAUSE_MS;
}

/** Where sentences are told, a mark inside one does not end it. */
function isSentenceBetween(before: CaptionLine, line: CaptionLine): boolean {
  if (before.sentence === null || line.sentence === null) return endsSentence(before);
  return before.sentence !== line.sentence;
}

/** A gap ends a sentence too: what follows does not belong to what was before. */
function endsSentence(line: CaptionLine): boolean {
  return line.text === "" || SENTENCE_END.test(line.text);
}
