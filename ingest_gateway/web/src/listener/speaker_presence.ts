import type { SpeakerPlace } from "../protocol/messages";

export type Presence = "here" | "quiet" | "away";

/** Without a sign of speech for so long, a talk is not called live. Hypotheses come several times a
 * second while there is speech; utterances alone come up to three seconds apart. */
const QUIET_MS = 5000;
const QUIET_WITHOUT_PARTIALS_MS = 8000;

/** Whether the speaker is there, by what a listener is told. Gateways of before tell nothing of a
 * speaker whose connection is lost: then only the lack of speech is known, and said as that. */
export class SpeakerPresence {
  private lastSignMs: number;
  private hasPartials = false;
  private told: SpeakerPlace | null = null;

  constructor(nowMs: number) {
    this.lastSignMs = nowMs;
  }

  /** Something that was said came in. What comes while the speaker is away was said before. */
  speech(kind: "partial" | "utterance", nowMs: number): void {
    this.lastSignMs = nowMs;
    this.hasPartials ||= kind === "partial";
  }

  /** The gateway said where the speaker is, or that the talk goes on. */
  toldBy(place: SpeakerPlace | undefined, nowMs: number): void {
    this.lastSignMs = nowMs;
    if (place !== undefined) this.told = place;
  }

  at(nowMs: number): Presence {
    if (this.told === "away") return "away";
    const quietMs = this.hasPartials ? QUIET_MS : QUIET_WITHOUT_PARTIALS_MS;
    return nowMs - this.lastSignMs >= quietMs ? "quiet" : "here";
  }
}
