import type { BroadcastState } from "../protocol/messages";
import { KEEP_MS } from "./resend_buffer";
import { TalkProtocol, type ControlWire, type Standing, type TalkEvents } from "./talk_protocol";

/** The gateway cuts what comes by WebRTC into chunks of this length. */
export const CHUNK_MS = 256;
/** From a chunk's last sample to its acknowledgement at the very least: encoder, packets, stream. */
const LEAST_WAY_MS = 40;
const SAMPLES_PER_MS = 16;

export interface SpokenSamples {
  readonly samples: Int16Array;
  /** Of the first sample, by this device's clock. */
  readonly timestampMs: number;
}

/** A talk whose sound goes by WebRTC, and only its messages by the data channel. The browser sends
 * the microphone by itself; what it hears is kept here as well, so that another way can make up for
 * what did not arrive when this one breaks. */
export class WhipProtocol extends TalkProtocol {
  private kept: SpokenSamples[] = [];
  private lostMs = 0;
  private isSettled = false;
  /** When chunk 0 would have begun, late by the quickest way that was seen. */
  private beganMs: number | null = null;
  private storedUntilMs: number;

  constructor(
    sessionId: string,
    wire: ControlWire,
    events: TalkEvents,
    nowMs: () => number = Date.now,
  ) {
    super(sessionId, wire, events, nowMs);
    this.storedUntilMs = nowMs();
  }

  opened(): void {
    this.joined = true;
    this.storedUntilMs = this.nowMs();
    this.events.report({ connected: true, goesBy: "webrtc" });
    this.askStatus();
  }

  override pause(paused: boolean): void {
    // Chunks are not counted through a pause: reckon anew behind it.
    this.beganMs = null;
    super.pause(paused);
  }

  override speak(samples: Int16Array, timestampMs: number): void {
    if (this.isOver || this.paused) return;
    this.kept.push({
      samples: this.muted ? new Int16Array(samples.length) : samples,
      timestampMs,
    });
    this.forget();
  }

  /** What was spoken and has not been acknowledged. */
  get unsaved(): readonly SpokenSamples[] {
    return this.kept;
  }

  get standing(): Standing {
    const { savedMs, lostMs, paused, muted, ending } = this;
    return { savedMs, lostMs, paused, muted, ending };
  }

  /** It has come to its end: the last words are stored. */
  ended(): void {
    this.finish(null);
  }

  protected override joinedBehind(_durable: number, _state: BroadcastState): void {
    // Only a WebSocket is answered so: here, the HTTP answer was the joining.
  }

  protected override standsAt(state: BroadcastState): void {
    if (this.isSettled) {
      super.standsAt(state);
      return;
    }
    this.isSettled = true;
    this.events.report({ state });
    this.makeUpFor(state);
  }

  protected override acknowledged(sequence: number): void {
    const chunksMs = (sequence + 1) * CHUNK_MS;
    const beganMs = this.nowMs() - chunksMs;
    this.beganMs = this.beganMs === null ? beganMs : Math.min(this.beganMs, beganMs);
    this.storedUntilMs = this.beganMs - LEAST_WAY_MS + chunksMs;
    this.savedMs = chunksMs;
    this.forget();
  }

  /** Let go of what is stored, and of what is too old to be worth keeping. */
  private forget(): void {
    const fromMs = Math.max(this.storedUntilMs, this.nowMs() - KEEP_MS);
    this.kept = this.kept.flatMap(({ samples, timestampMs }) => {
      const passed = Math.max(0, Math.round((fromMs - timestampMs) * SAMPLES_PER_MS));
      if (passed >= samples.length) return [];
      return [
        { samples: samples.subarray(passed), timestampMs: timestampMs + passed / SAMPLES_PER_MS },
      ];
    });
    this.lostMs += Math.max(0, this.nowMs() - KEEP_MS - this.storedUntilMs);
    this.storedUntilMs = fromMs;
    const samples = this.kept.reduce((sum, one) => sum + one.samples.length, 0);
    const unsavedMs = samples / SAMPLES_PER_MS;
    this.events.report({ unsavedMs, savedMs: this.savedMs, lostMs: this.lostMs });
  }
}
