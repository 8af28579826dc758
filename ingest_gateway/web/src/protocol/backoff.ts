const FIRST_MS = 300;
const LONGEST_MS = 5000;

/** How long to wait before the next attempt: doubled each time, and spread so that two hundred
 * listeners who lost the same gateway do not come back in the same instant. */
export class Backoff {
  private waitMs = FIRST_MS;

  /** `fraction`: a random number in [0, 1). */
  next(fraction: number): number {
    const waitMs = this.waitMs * (0.5 + fraction / 2);
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_MS);
    return waitMs;
  }

  reset(): void {
    this.waitMs = FIRST_MS;
  }
}
