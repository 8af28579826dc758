// What a line chart draws: pure, in the units of its drawing area.
import type { Point } from "./operations";

export interface Line {
  readonly name: string;
  /** Null: there is none at that moment, and the line is broken there. */
  readonly values: readonly (number | null)[];
}

export interface Area {
  readonly width: number;
  readonly height: number;
}

/** Longer than this between two moments, and the line between them is not drawn: nobody looked. */
const BREAK_MS = 30_000;
const SHORTEST_MS = 300_000;

/** The smallest of 1, 2, 5, 10, 20, 50, … that is not exceeded; at least `least`. */
export function roundCeiling(value: number, least: number): number {
  const wanted = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= wanted) ?? 10;
  return step * power;
}

/** The stretch of time that is shown: all that is known, at least some minutes. */
export function timeSpan(times: readonly number[]): { fromMs: number; toMs: number } {
  const toMs = times.at(-1) ?? 0;
  return { fromMs: Math.min(times[0] ?? toMs, toMs - SHORTEST_MS), toMs };
}

/** An SVG path: values from 0 (bottom) to `ceiling` (top), by time. */
export function linePath(
  times: readonly number[],
  values: readonly (number | null)[],
  ceiling: number,
  area: Area,
): string {
  const { fromMs, toMs } = timeSpan(times);
  let path = "";
  let before: number | null = null;
  times.forEach((at, index) => {
    const value = values[index] ?? null;
    if (value === null) {
      before = null;
      return;
    }
    const x = (((at - fromMs) / (toMs - fromMs)) * area.width).toFixed(1);
    const y = ((1 - Math.min(value / ceiling, 1)) * area.height).toFixed(1);
    const joins = before !== null && at - before <= BREAK_MS;
    // A moment alone is a dot: a line of no length with a round cap.
    path += joins ? `L${x} ${y}` : `M${x} ${y}h0`;
    before = at;
  });
  return path;
}

/** A line for each language that has a lag in any of these moments. */
export function lagLines(history: readonly Point[]): readonly Line[] {
  const languages = new Set(history.flatMap((point) => Object.keys(point.lagP95Ms)));
  return [...languages].sort().map((name) => ({
    name,
    values: history.map((point) => point.lagP95Ms[name] ?? null),
  }));
}

export function highest(lines: readonly Line[]): number {
  return lines.reduce(
    (most, line) => line.values.reduce<number>((top, value) => Math.max(top, value ?? 0), most),
    0,
  );
}
