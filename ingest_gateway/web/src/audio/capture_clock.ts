/** Behind the expected time by more than this, samples are missing in between: begin anew. */
const STEP_MS = 150;

/** When the first sample of each chunk was spoken, by the speaker's clock. A chunk is seen late by
 * chance, never early: so samples count the time on, and the earliest sighting corrects them. */
export class CaptureClock {
  private expectedMs: number | null = null;

  /** `seenAtMs`: when a chunk of `durationMs` arrived, just behind its last sample. */
  firstSampleMs(seenAtMs: number, durationMs: number): number {
    const observedMs = seenAtMs - durationMs;
    const expectedMs = this.expectedMs ?? observedMs;
    const atMs = observedMs - expectedMs > STEP_MS ? observedMs : Math.min(expectedMs, observedMs);
    this.expectedMs = atMs + durationMs;
    return atMs;
  }
}
