import { encodeFrame } from "../protocol/frame";
import type {
  BroadcastState,
  ClientMessage,
  CountsByLanguage,
  ErrorMessage,
  ServerMessage,
  SpeakerControl,
} from "../protocol/messages";
import { ResendBuffer } from "./resend_buffer";

/** These end the talk in this page; anything else is tried again. */
const FINAL = new Set([
  "SPEAKER_TAKEN",
  "NO_SESSION",
  "SESSION_ENDED",
  "UNAUTHORIZED",
  "NOT_SPEAKER",
]);

const JOIN_AGAIN_MS = 1000;
/** A notice stays for so long, then until the next sign that all is well. */
const NOTICE_MS = 10_000;

export interface Wire {
  send(message: ClientMessage): boolean;
  sendBytes(bytes: Uint8Array<ArrayBuffer>): boolean;
}

/** What the page shows of it. */
export interface TalkReport {
  connected: boolean;
  state: BroadcastState;
  /** Speech that the gateway has not acknowledged. */
  unsavedMs: number;
  savedMs: number;
  lostMs: number;
  /** From sending a chunk until it is durable. */
  ackMs: number | null;
  listeners: CountsByLanguage;
  lagMs: CountsByLanguage;
  /** The gateway's last word on something that went wrong and goes on. */
  notice: string | null;
}

export interface TalkEvents {
  report(changes: Partial<TalkReport>): void;
  ownWords(number: number, text: string, final: boolean): void;
  /** The gateway could not let us in just now: call `opened` again then. */
  joinAgain(inMs: number): void;
  /** Over: ended, taken over, refused. `problem` null: ended as it should. */
  over(problem: ErrorMessage | null): void;
}

/** The speaker's side of the protocol: every chunk is kept until it is acknowledged and sent again
 * behind a reconnect; pause, mute and end that are pressed without a connection are made up for. */
export class SpeakerProtocol {
  private readonly buffer = new ResendBuffer();
  private readonly sentAtMs = new Map<number, number>();
  private joined = false;
  private state: BroadcastState = "live";
  private next = 0;
  private savedMs = 0;
  private paused = false;
  private muted = false;
  private ending = false;
  private isOver = false;
  private noticedAtMs: number | null = null;

  constructor(
    private readonly sessionId: string,
    private readonly streamId: string,
    private readonly wire: Wire,
    private readonly events: TalkEvents,
    private readonly nowMs: () => number = Date.now,
  ) {}

  opened(): void {
    this.wire.send({
      action: "joinAsSpeaker",
      sessionId: this.sessionId,
      streamId: this.streamId,
      nextSequence: this.buffer.waiting[0]?.sequence ?? this.next,
    });
  }

  broken(): void {
    this.joined = false;
    this.sentAtMs.clear();
    this.events.report({ connected: false });
  }

  /** A chunk of 16 kHz mono. Paused: it is not part of the talk. Muted: silence goes out instead,
   * so that what is said then never leaves this device. */
  speak(samples: Int16Array, timestampMs: number): void {
    if (this.isOver || this.paused) return;
    const pcm = this.muted ? new Int16Array(samples.length) : samples;
    const sequence = this.next++;
    const frame = encodeFrame(sequence, timestampMs, pcm);
    this.buffer.add({ sequence, durationMs: samples.length / 16, frame });
    if (this.joined) this.sendFrame(sequence, frame);
    this.reportBuffer();
  }

  pause(paused: boolean): void {
    this.paused = paused;
    this.control(paused ? "pauseBroadcast" : "resumeBroadcast");
  }

  mute(muted: boolean): void {
    this.muted = muted;
    this.control(muted ? "muteBroadcast" : "unmuteBroadcast");
  }

  setVolume(volume: number): void {
    if (this.joined) this.wire.send({ action: "setVolume", sessionId: this.sessionId, volume });
  }

  /** Call it behind the last chunk. */
  end(): void {
    this.ending = true;
    this.control("endSession");
  }

  askStatus(): void {
    this.control("getSessionStatus");
  }

  received(message: ServerMessage): void {
    switch (message.type) {
      case "speakerJoined":
        this.join(message.sequence, message.state);
        break;
      case "audioAck":
        this.acknowledge(message.sequence);
        if (this.noticedAtMs !== null && this.nowMs() - this.noticedAtMs > NOTICE_MS) {
          this.notice(null);
        }
        break;
      case "broadcastState":
        this.follow(message.state);
        break;
      case "listenerCount":
        this.events.report({ listeners: message.byLanguage });
        break;
      case "sessionStatus":
        this.events.report({ listeners: message.listeners, lagMs: message.lagMs });
        break;
      case "ownCaption":
        this.events.ownWords(message.sequenceNumber, message.text, message.final);
        break;
      case "error":
        this.refused(message);
        break;
      default:
        break;
    }
  }

  private control(action: SpeakerControl): void {
    if (this.joined) this.wire.send({ action, sessionId: this.sessionId });
  }

  private join(durable: number, state: BroadcastState): void {
    this.joined = true;
    this.state = state;
    this.acknowledge(durable);
    this.events.report({ connected: true, state });
    this.notice(null);
    if (this.paused !== (state === "paused")) this.pause(this.paused);
    if (!this.paused && this.muted !== (state === "muted")) this.mute(this.muted);
    // Paused, the gateway takes no audio: what waits goes out when it says that it is live again.
    if (state !== "paused") this.resend();
    if (this.ending) this.control("endSession");
    else this.askStatus();
  }

  private follow(state: BroadcastState): void {
    if (state === "ended") {
      this.finish(null);
      return;
    }
    const wasPaused = this.state === "paused";
    this.state = state;
    this.paused = state === "paused";
    if (!this.paused) this.muted = state === "muted";
    this.events.report({ state });
    // What crossed the pause on its way was refused and is still here; a repeat does no harm.
    if (wasPaused && !this.paused) this.resend();
  }

  private resend(): void {
    for (const chunk of this.buffer.waiting) this.sendFrame(chunk.sequence, chunk.frame);
  }

  private sendFrame(sequence: number, frame: Uint8Array<ArrayBuffer>): void {
    if (this.wire.sendBytes(frame)) this.sentAtMs.set(sequence, this.nowMs());
  }

  private acknowledge(sequence: number): void {
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

  private reportBuffer(): void {
    const { waitingMs, lostMs } = this.buffer;
    this.events.report({ unsavedMs: waitingMs, savedMs: this.savedMs, lostMs });
  }

  private refused(error: ErrorMessage): void {
    const isPausedAudio = error.action === "audioChunk" && error.code === "FORBIDDEN";
    if (isPausedAudio) return; // it is sent again behind the pause
    if (error.code === "SESSION_ENDED" && this.ending) this.finish(null);
    else if (FINAL.has(error.code) || error.code === "FORBIDDEN") this.finish(error);
    else this.notice(error.message);
    if (error.action === "joinAsSpeaker" && !this.isOver) {
      this.events.joinAgain(error.retryAfterMs ?? JOIN_AGAIN_MS);
    }
  }

  private notice(notice: string | null): void {
    this.noticedAtMs = notice === null ? null : this.nowMs();
    this.events.report({ notice });
  }

  private finish(problem: ErrorMessage | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.events.over(problem);
  }
}
