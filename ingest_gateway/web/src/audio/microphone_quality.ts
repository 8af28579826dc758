/** What is wrong with the sound itself, though a microphone is there. */
export type MicrophoneFault = "silent" | "quiet" | "clipping" | "noise";

/** So long a stretch is judged: a pause of a speaker is shorter. */
export const JUDGED_MS = 8000;
export const JUDGE_EVERY_MS = 250;
/** The loudest sample of a moment, of full scale. */
const SILENCE = 0.0005;
/** A voice that recognisers follow peaks above it in every few seconds, -34 dBFS. */
const QUIET = 0.02;
const FULL_SCALE = 0.999;
/** A shout clips now and then; a gain set too high does in one of twenty moments. */
const CLIPPED_SHARE = 0.05;
/** Between syllables a voice falls to a third at least; a fan or a hum stays where it is. */
const LEAST_SWING = 3;

/** The last seconds of a microphone's level, one loudest sample a moment. */
export class MicrophoneQuality {
  private fault: MicrophoneFault | null = null;
  private judgedAtMs = 0;
  private moments: { readonly atMs: number; readonly peak: number }[] = [];

  /** What was wrong, as of the last judgement, in all of the last `JUDGED_MS`; null: nothing, or it is too early to say. */
  heard(peak: number, nowMs: number): MicrophoneFault | null {
    this.moments.push({ atMs: nowMs, peak });
    if (nowMs - this.judgedAtMs < JUDGE_EVERY_MS) return this.fault;
    this.judgedAtMs = nowMs;
    const from = this.moments.findIndex((one) => one.atMs > nowMs - JUDGED_MS);
    if (from < 1) return null;
    this.fault = faultOf(this.moments.map((one) => one.peak));
    this.moments = this.moments.slice(from - 1); // one older than that, to know that it is full
    return this.fault;
  }
}

function faultOf(peaks: readonly number[]): MicrophoneFault | null {
  const sorted = [...peaks].sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  if (at(1) <= SILENCE) return "silent";
  if (at(1) < QUIET) return "quiet";
  if (at(1 - CLIPPED_SHARE) >= FULL_SCALE) return "clipping";
  return at(0.95) < LEAST_SWING * at(0.05) ? "noise" : null;
}
