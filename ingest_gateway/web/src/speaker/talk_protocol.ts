import type {
  BroadcastState,
  ClientMessage,
  CountsByLanguage,
  ErrorMessage,
  ServerMessage,
  SpeakerControl,
} from "../protocol/messages";
import { Complaints } from "./complaints";

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
/** So long after a button was pressed, a state that contradicts it is one of before. */
const PRESSED_MS = 5000;

/** How the sound leaves this page. */
export type Way = "websocket" | "webrtc";

export interface ControlWire {
  send(message: ClientMessage): boolean;
}

/** What the page shows of it. */
export interface TalkReport {
  connected: boolean;
  goesBy: Way | null;
  state: BroadcastState;
  /** Speech that the gateway has not acknowledged. */
  unsavedMs: number;
  savedMs: number;
  lostMs: number;
  /** From sending a chunk until it is durable. */
  ackMs: number | null;
  listeners: CountsByLanguage;
  lagMs: CountsByLanguage;
  /** Listeners who said so within the last minute. */
  cannotHear: number;
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

/** Where a talk stands, for another way to go on with it. */
export interface Standing {
  readonly savedMs: number;
  readonly lostMs: number;
  readonly paused: boolean;
  readonly muted: boolean;
  readonly ending: boolean;
}

/** A speaker's messages, whichever way the sound goes: pause, mute and end that are pressed without
 * a connection are made up for. */
export abstract class TalkProtocol {
  protected joined = false;
  protected state: BroadcastState = "live";
  protected savedMs = 0;
  protected paused = false;
  protected muted = false;
  protected ending = false;
  protected isOver = false;
  private noticedAtMs: number | null = null;
  /** When pause or mute was told last; null: not over this connection. */
  private pressedAtMs: number | null = null;
  private readonly complaints = new Complaints();

  constructor(
    protected readonly sessionId: string,
    private readonly controls: ControlWire,
    protected readonly events: TalkEvents,
    protected readonly nowMs: () => number,
  ) {}

  /** A chunk of 16 kHz mono, spoken at `timestampMs`. */
  abstract speak(samples: Int16Array, timestampMs: number): void;

  broken(): void {
    this.joined = false;
    this.pressedAtMs = null;
    this.events.report({ connected: false });
  }

  pause(paused: boolean): void {
    this.paused = paused;
    this.pressed(paused ? "pauseBroadcast" : "resumeBroadcast");
  }

  mute(muted: boolean): void {
    this.muted = muted;
    this.pressed(muted ? "muteBroadcast" : "unmuteBroadcast");
  }

  setVolume(volume: number): void {
    if (this.joined) this.controls.send({ action: "setVolume", sessionId: this.sessionId, volume });
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
        this.joinedBehind(message.sequence, message.state);
        break;
      case "audioAck":
        this.acknowledged(message.sequence);
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
        this.standsAt(message.state);
        this.events.report({
          listeners: message.listeners,
          lagMs: message.lagMs,
          ...this.complaints.seen(message.feedback?.cannotHear ?? 0, this.nowMs()),
        });
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

  /** In the talk; chunks up to `durable` are stored. */
  protected abstract joinedBehind(durable: number, state: BroadcastState): void;

  protected abstract acknowledged(sequence: number): void;

  /** Asked for: a change may not have been told. */
  protected standsAt(state: BroadcastState): void {
    if (state !== this.state) this.follow(state);
  }

  /** A pause is over. */
  protected wentOn(): void {
    // Nothing waits, unless a way keeps it.
  }

  protected control(action: SpeakerControl): void {
    if (this.joined) this.controls.send({ action, sessionId: this.sessionId });
  }

  /** Make the talk what this page was told meanwhile. */
  protected makeUpFor(state: BroadcastState): void {
    this.state = state;
    if (this.paused !== (state === "paused")) this.pause(this.paused);
    if (!this.paused && this.muted !== (state === "muted")) this.mute(this.muted);
  }

  protected notice(notice: string | null): void {
    this.noticedAtMs = notice === null ? null : this.nowMs();
    this.events.report({ notice });
  }

  protected finish(problem: ErrorMessage | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.events.over(problem);
  }

  private pressed(action: SpeakerControl): void {
    if (this.joined) this.pressedAtMs = this.nowMs();
    this.control(action);
  }

  /** Two buttons pressed within a round trip: the answer to the first must not undo the second. */
  private isOfBefore(state: BroadcastState): boolean {
    if (this.pressedAtMs === null || this.nowMs() - this.pressedAtMs > PRESSED_MS) return false;
    return state !== (this.paused ? "paused" : this.muted ? "muted" : "live");
  }

  private follow(state: BroadcastState): void {
    if (state === "ended") {
      this.finish(null);
      return;
    }
    if (this.isOfBefore(state)) return;
    const wasPaused = this.state === "paused";
    this.state = state;
    this.paused = state === "paused";
    if (!this.paused) this.muted = state === "muted";
    this.events.report({ state });
    if (wasPaused && !this.paused) this.wentOn();
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
}
