import { encodeFrame } from "../protocol/frame";
import type { BroadcastState } from "../protocol/messages";
import { ResendBuffer } from "./resend_buffer";
import { TalkProtocol, type ControlWire, type Standing, type TalkEvents } from "./talk_protocol";

export interface Wire extends ControlWire {
  sendBytes(bytes: Uint8Array<ArrayBuffer>): boolean;
}

/** A talk over a WebSocket: every chunk is kept until it is acknowledged and sent again behind a
 * reconnect. */
export class SpeakerProtocol extends TalkProtocol {
  private readonly buffer = new ResendBuffer();
  private readonly sentAtMs = new Map<number, number>();
  private next = 0;
  private lostBeforeMs = 0;

  constructor(
    sessionId: string,
    private readonly streamId: string,
    private readonly wire: Wire,
    events: TalkEvents,
    nowMs: () => number = Date.now,
  ) {
    super(sessionId, wire, events, nowMs);
  }

  /** Go on where another way stopped. */
  takeOver(standing: Standing): void {
    this.savedMs = standing.savedMs;
    this.lostBeforeMs = standing.lostMs;
    this.paused = standing.paused;
    this.muted = standing.muted;
    this.ending = standing.ending;
    this.reportBuffer();
  }

  opened(): void {
    this.wire.send({
      action: "joinAsSpeaker",
      sessionId: this.sessionId,
      streamId: this.streamId,
      nextSequence: this.buffer.waiting[0]?.sequence ?? this.next,
    });
  }

  override broken(): void {
    this.sentAtMs.clear();
    super.broken();
  }

  /** Paused: it is not part of the talk. Muted: silence goes out instead, so that what is said
   * then never leaves this device. */
  override speak(samples: Int16Array, timestampMs: number): void {
    if (this.isOver || this.paused) return;
    this.put(this.muted ? new Int16Array(samples.length) : samples, timestampMs);
  }

  /** Whatever is pressed: what was spoken before another way broke. */
  makeUp(samples: Int16Array, timestampMs: number): void {
    this.put(samples, timestampMs);
  }

  protected override joinedBehind(durable: number, state: BroadcastState): void {
    this.joined = true;
    this.acknowledged(durable);
    this.events.report({ connected: true, state, goesBy: "websocket" });
    this.notice(null);
    this.makeUpFor(state);
    // Paused, the gateway takes no audio: what waits goes out when it says that it is live again.
    if (state !== "paused") this.resend();
    if (this.ending) this.control("endSession");
    else this.askStatus();
  }

  protected override acknowledged(sequence: number): void {
    for (const chunk of this.buffer.waiting) {
      if (chunk.sequence <= sequence) this.savedMs += chunk.durationMs;
    }
    const sentAtMs = this.sentAtMs.get(sequence);
    if (sentAtMs !== undefined) this.events.report({ ackMs: this.nowMs() - sentAtMs });
    for (const sent of [...this.sentAtMs.keys()]) {
      if (sent <= sequence) this.sentAtMs.delete(sent);
    }
    this.buffer.acknowledge(sequence);
    this.reportBuffer();
  }

  /** What crossed the pause on its way was refused and is still here; a repeat does no harm. */
  protected override wentOn(): void {
    this.resend();
  }

  private put(pcm: Int16Array, timestampMs: number): void {
    const sequence = this.next++;
    const frame = encodeFrame(sequence, timestampMs, pcm);
    this.buffer.add({ sequence, durationMs: pcm.length / 16, frame });
    if (this.joined) this.sendFrame(sequence, frame);
    this.reportBuffer();
  }

  private resend(): void {
    for (const chunk of this.buffer.waiting) this.sendFrame(chunk.sequence, chunk.frame);
  }

  private sendFrame(sequence: number, frame: Uint8Array<ArrayBuffer>): void {
    if (this.wire.sendBytes(frame)) this.sentAtMs.set(sequence, this.nowMs());
  }

  private reportBuffer(): void {
    const { waitingMs } = this.buffer;
    const lostMs = this.lostBeforeMs + this.buffer.lostMs;
    this.events.report({ unsavedMs: waitingMs, savedMs: this.savedMs, lostMs });
  }
}
