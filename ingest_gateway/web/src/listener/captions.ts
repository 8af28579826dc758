// The lines that a listener reads. Pure: a list in, a list out.

export type CaptionState = "past" | "waiting" | "playing" | "heard" | "missing";

export interface CaptionLine {
  readonly number: number;
  readonly text: string;
  readonly original: string;
  readonly state: CaptionState;
}

export interface PartialLine {
  readonly number: number;
  readonly text: string;
  readonly language: string;
}

const KEPT = 500;

/** With this line in its place by number; one that is there already stays as it is. */
export function withLine(lines: readonly CaptionLine[], line: CaptionLine): readonly CaptionLine[] {
  if (lines.some((known) => known.number === line.number)) return lines;
  const behind = lines.findIndex((known) => known.number > line.number);
  const place = behind === -1 ? lines.length : behind;
  return lines.toSpliced(place, 0, line).slice(-KEPT);
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
