const RECENT_MS = 60_000;

/** Of a count that only grows: how much of it is of the last minute. */
export class Complaints {
  private before: number | null = null;
  private recent: readonly { readonly atMs: number; readonly count: number }[] = [];

  /** `total`: as the gateway counts since the talk began; what was there first is old. */
  seen(total: number, nowMs: number): { cannotHear: number } {
    const more = this.before === null ? 0 : Math.max(0, total - this.before);
    this.before = total;
    const kept = this.recent.filter((one) => nowMs - one.atMs < RECENT_MS);
    this.recent = more > 0 ? [...kept, { atMs: nowMs, count: more }] : kept;
    return { cannotHear: this.recent.reduce((sum, one) => sum + one.count, 0) };
  }
}
