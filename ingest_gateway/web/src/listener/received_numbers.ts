/** A message may overtake another: a younger hole closes by itself. */
const FIRST_ASKED_AFTER_MS = 3000;
/** A hall's listeners miss the same, and a gateway counts how often an address joins: they ask one
 * after the other, and rarely again. */
const SPREAD = 3;
const NEXT_TIMES = 4;
/** Whatever becomes of an utterance is told long before: a hole that is still asked for then is one
 * that the gateway cannot fill. */
const GIVEN_UP_AFTER_MS = 120_000;

/** Which utterances of a language have come, and when to ask for those that have not. Pure: time is
 * an argument. The project's other client does the same (`client/received_numbers.py`). */
export class ReceivedNumbers {
  /** Those that came after a hole, each with the one before it in this language. */
  private readonly waiting = new Map<number, number | null>();
  private holeSinceMs: number | null = null;
  private askedMs = 0;

  /** `complete`: of the history that a first join brought, the last number; null: it was empty, and
   * what comes first begins the chain. `fraction`: this listener's turn among others, in [0, 1). */
  constructor(
    private complete: number | null = null,
    private readonly fraction = 0,
  ) {}

  /** The last number before which nothing is missing; -1: nothing has come. */
  get completeUntil(): number {
    return this.complete ?? -1;
  }

  add(number: number, previous: number | null): void {
    if (number <= this.completeUntil) return;
    this.waiting.set(number, previous);
    this.complete ??= number;
    this.close();
  }

  /** Whether to ask for what is missing: when a hole is three to nine seconds old, and then after
   * four times as long each time, until it is closed or given up. */
  isToAsk(nowMs: number): boolean {
    if (this.waiting.size === 0) {
      this.holeSinceMs = null;
      return false;
    }
    if (this.holeSinceMs === null) {
      this.holeSinceMs = nowMs;
      this.askedMs = 0;
    }
    const ageMs = nowMs - this.holeSinceMs;
    if (ageMs > GIVEN_UP_AFTER_MS) {
      this.complete = Math.min(...this.waiting.keys());
      this.holeSinceMs = null;
      this.close();
      return false;
    }
    const firstMs = FIRST_ASKED_AFTER_MS * (1 + (SPREAD - 1) * this.fraction);
    if (ageMs < Math.max(firstMs, NEXT_TIMES * this.askedMs)) return false;
    this.askedMs = ageMs;
    return true;
  }

  /** Go on through what waits, to the next hole. */
  private close(): void {
    for (const number of [...this.waiting.keys()].sort((one, other) => one - other)) {
      const previous = this.waiting.get(number) ?? null;
      if (number > this.completeUntil && previous !== null && previous > this.completeUntil) return;
      this.complete = Math.max(this.completeUntil, number);
      this.waiting.delete(number);
      this.holeSinceMs = null;
    }
  }
}
