// Which clip is played next. Pure: no sound, no network; time is an argument.
//
// Clips are played in the order of their numbers. `previous` is the number before it in this
// language: when that one is neither played nor known, something is missing on the way, and it is
// waited for a little, never for ever. A skip marker, a clip that could not be loaded, and one
// that takes too long are passed over.

import type { Utterance } from "../protocol/messages";

export const PREFETCH = 3;
const HOLE_WAIT_MS = 2000;
const LOAD_WAIT_MS = 8000;

/** Behind by no more than this is what prefetch needs; from there on, clips are played faster. */
const RELAXED_S = 4;
const HURRIED_S = 12;
const FASTEST = 1.15;
/** More than this of what was missed is for reading: nobody catches up with it any more. */
const MISSED_AT_MOST_S = 60;

export type PassReason = "skipped" | "failed" | "late";

export type Next =
  | { readonly act: "play"; readonly number: number }
  | { readonly act: "pass"; readonly number: number; readonly reason: PassReason }
  | { readonly act: "wait" };

interface Entry {
  readonly number: number;
  readonly previous: number | null;
  readonly durationS: number;
  readonly arrivedAtMs: number;
  state: "waiting" | "loading" | "ready" | "failed" | "skip";
}

export class PlaybackQueue {
  private readonly entries = new Map<number, Entry>();
  private done: number | null = null;
  private blockedSinceMs: number | null = null;

  /** Nothing up to `number` is played any more; the numbers that waited. */
  startBehind(number: number | null): number[] {
    if (number === null) return [];
    const done = Math.max(this.done ?? -1, number);
    this.done = done;
    const left = [...this.entries.keys()].filter((known) => known <= done);
    for (const known of left) this.entries.delete(known);
    return left;
  }

  /** False: it is known already, or its turn is over. */
  offerClip(number: number, previous: number | null, durationS: number, nowMs: number): boolean {
    return this.offer({ number, previous, durationS, arrivedAtMs: nowMs, state: "waiting" });
  }

  offerSkip(number: number, previous: number | null, nowMs: number): boolean {
    return this.offer({ number, previous, durationS: 0, arrivedAtMs: nowMs, state: "skip" });
  }

  /** The clips to be loaded from now on, the next ones first. */
  takeToLoad(): number[] {
    const near = this.inOrder()
      .filter((entry) => entry.state !== "skip" && entry.state !== "failed")
      .slice(0, PREFETCH)
      .filter((entry) => entry.state === "waiting");
    for (const entry of near) entry.state = "loading";
    return near.map((entry) => entry.number);
  }

  loaded(number: number): void {
    this.settle(number, "ready");
  }

  failed(number: number): void {
    this.settle(number, "failed");
  }

  /** What to do now; a clip that is returned for playing has left the queue. */
  next(nowMs: number): Next {
    const head = this.inOrder()[0];
    if (head === undefined) {
      this.blockedSinceMs = null;
      return { act: "wait" };
    }
    const isNext = this.done === null || head.previous === null || head.previous <= this.done;
    if (!isNext && nowMs - head.arrivedAtMs < HOLE_WAIT_MS) return { act: "wait" };
    if (head.state === "ready") return { act: "play", number: this.leave(head) };
    if (head.state === "skip") return { act: "pass", number: this.leave(head), reason: "skipped" };
    if (head.state === "failed") return { act: "pass", number: this.leave(head), reason: "failed" };
    this.blockedSinceMs ??= nowMs;
    if (nowMs - this.blockedSinceMs < LOAD_WAIT_MS) return { act: "wait" };
    return { act: "pass", number: this.leave(head), reason: "late" };
  }

  /** Seconds of sound that wait to be played. */
  get behindS(): number {
    return this.inOrder().reduce((sum, entry) => sum + entry.durationS, 0);
  }

  /** Keep the newest clip only; the numbers of those that are left out. */
  jumpToLive(): number[] {
    const clips = this.inOrder().filter((entry) => entry.state !== "skip");
    const left = clips.slice(0, -1).map((entry) => entry.number);
    this.startBehind(left.at(-1) ?? null);
    return left;
  }

  clear(): number[] {
    const numbers = [...this.entries.keys()];
    this.entries.clear();
    this.blockedSinceMs = null;
    return numbers;
  }

  private offer(entry: Entry): boolean {
    const isOver = this.done !== null && entry.number <= this.done;
    if (isOver || this.entries.has(entry.number)) return false;
    this.entries.set(entry.number, entry);
    return true;
  }

  private settle(number: number, state: "ready" | "failed"): void {
    const entry = this.entries.get(number);
    if (entry?.state === "loading") entry.state = state;
  }

  private leave(entry: Entry): number {
    this.startBehind(entry.number);
    this.blockedSinceMs = null;
    return entry.number;
  }

  private inOrder(): Entry[] {
    return [...this.entries.values()].sort((one, other) => one.number - other.number);
  }
}

/** How fast to play when so much waits behind. */
export function rateFor(behindS: number): number {
  const hurry = Math.max(0, Math.min(1, (behindS - RELAXED_S) / (HURRIED_S - RELAXED_S)));
  return 1 + (FASTEST - 1) * hurry;
}

/** Of what was missed, the last utterance that is not worth hearing any more; null: all are. */
export function lastToLeaveOut(missed: readonly Utterance[]): number | null {
  let leftS = MISSED_AT_MOST_S;
  const tooMuch = missed.findLast(({ duration, sourceDuration }) => {
    leftS -= duration ?? sourceDuration ?? 0;
    return leftS < 0;
  });
  return tooMuch?.sequenceNumber ?? null;
}
