// The gateway's JSON messages as types: `action` from us, `type` from the gateway.

export type BroadcastState = "live" | "paused" | "muted" | "ended";
/** Whether the speaker's connection is there; gateways of before do not tell. */
export type SpeakerPlace = "here" | "away";
export type TalkPhase = "waiting" | "live" | "paused" | "speakerAway" | "ended";
export type CountsByLanguage = Readonly<Record<string, number>>;

export type ClientMessage =
  | { action: "joinAsSpeaker"; sessionId: string; streamId: string; nextSequence: number }
  | { action: SpeakerControl; sessionId: string }
  | { action: "setVolume"; sessionId: string; volume: number }
  | {
      action: "joinSession";
      sessionId: string;
      targetLanguage: string;
      capabilities: readonly string[];
      sinceSequence?: number;
      /** The secret of the session's link. */
      key?: string;
      accessCode?: string;
      /** Of an earlier `sessionJoined`. */
      seat?: string;
    }
  | { action: "joinRoom"; roomId: string; key: string; accessCode?: string }
  | { action: "changeLanguage"; sessionId: string; targetLanguage: string }
  | { action: "leaveSession"; sessionId: string }
  | { action: "refreshUrl"; sessionId: string; targetLanguage: string; sequenceNumber: number }
  | { action: "heard"; sequenceNumber: number; heardAt: number }
  | AudioMessage
  | { action: "heartbeat" };

/** A binary frame's content, for gateways that take no frames. */
export interface AudioMessage {
  action: "audioChunk";
  sessionId: string;
  streamId: string;
  sequence: number;
  timestamp: number;
  /** base64 */
  audioData: string;
  format: "pcm";
  encoding: "s16le";
  sampleRate: 16000;
  channels: 1;
}

export type SpeakerControl =
  | "pauseBroadcast"
  | "resumeBroadcast"
  | "muteBroadcast"
  | "unmuteBroadcast"
  | "endSession"
  | "getSessionStatus";

/** A talk as listeners are told of it. */
export interface TalkView {
  readonly talkId: string;
  readonly title: string;
  readonly speaker: string;
  readonly language: string;
  readonly plannedAt: number | null;
}

/** What a listener waits for or hears; without a room, the state alone. */
export interface TalkState {
  readonly type: "talkState";
  readonly state: TalkPhase;
  readonly since: number;
  /** To be joined, when it is another one than before; null: nothing yet. */
  readonly sessionId: string | null;
  readonly roomId?: string;
  readonly talk?: TalkView | null;
  readonly next?: TalkView | null;
  /** 0: what is said is not kept beyond its delivery. */
  readonly retentionDays?: number;
}

/** An utterance in one language, as clip or, in the history, perhaps without one. */
export interface Utterance {
  readonly sequenceNumber: number;
  readonly previousSequenceNumber?: number | null;
  readonly timestamp?: number;
  readonly transcript?: string | null;
  readonly sourceTranscript?: string;
  readonly sourceDuration?: number;
  /** Seconds of the clip. */
  readonly duration?: number | null;
  readonly url?: string | null;
  /** Base64, with the capability `inlineAudio`. */
  readonly audio?: string;
  /** Why there is no clip. */
  readonly skipped?: string | null;
  /** The talk's sentence that it belongs to, where translations are released of sentences. */
  readonly sentence?: number | null;
  readonly endsSentence?: boolean;
}

export type ServerMessage =
  | {
      type: "speakerJoined";
      sessionId: string;
      epoch: number;
      /** Durable up to here; -1: nothing yet. */
      sequence: number;
      state: BroadcastState;
    }
  | { type: "audioAck"; sessionId: string; sequence: number }
  | {
      type: "broadcastState";
      sessionId: string;
      state: BroadcastState;
      volume: number;
      speaker?: SpeakerPlace;
    }
  | TalkState
  | { type: "listenerCount"; sessionId: string; byLanguage: CountsByLanguage }
  | {
      type: "sessionStatus";
      state: BroadcastState;
      listeners: CountsByLanguage;
      lagMs: CountsByLanguage;
      sequence: number;
      /** How often listeners said `cannotHear`, `good` and `poor`. */
      feedback?: Readonly<Record<string, number>>;
    }
  | { type: "ownCaption"; sequenceNumber: number; text: string; final: boolean }
  | {
      type: "sessionJoined";
      sessionId: string;
      sourceLanguage: string;
      targetLanguage: string;
      targetLanguages: readonly string[];
      state: BroadcastState;
      volume?: number;
      speaker?: SpeakerPlace;
      history: readonly Utterance[];
      /** Lets the same listener in again; gateways of before give none. */
      seat?: string;
    }
  | { type: "sessionLeft"; sessionId: string }
  | ({ type: "translatedAudio"; targetLanguage: string } & Utterance)
  | { type: "partialCaption"; sequenceNumber: number; text: string; language: string }
  | {
      /** The open sentence, ahead of its voice: `text` stays, `preview` may still change. */
      type: "translatedCaption";
      targetLanguage: string;
      sequenceNumber: number;
      sentence: number;
      text: string;
      preview: string;
      final: boolean;
    }
  | {
      type: "skipped";
      sequenceNumber: number;
      previousSequenceNumber?: number | null;
      targetLanguage?: string;
      reason: string;
      transcript?: string;
      sourceTranscript?: string;
      sentence?: number;
      endsSentence?: boolean;
    }
  | {
      /** On a track's data channel: its clip begins on the track now. */
      type: "playing";
      sequenceNumber: number;
      /** Seconds. */
      duration: number;
    }
  | { type: "clipUrl"; sequenceNumber: number; targetLanguage: string; url: string }
  | { type: "heartbeatAck" }
  | ErrorMessage;

export interface ErrorMessage {
  type: "error";
  code: string;
  message: string;
  action?: string;
  sequence?: number;
  retryAfterMs?: number;
}

/** Null: not a message of this protocol. A type that we do not know is the reader's to pass over. */
export function parseServerMessage(text: string): ServerMessage | null {
  try {
    const value: unknown = JSON.parse(text);
    const isMessage = typeof value === "object" && value !== null && "type" in value;
    return isMessage && typeof value.type === "string" ? (value as ServerMessage) : null;
  } catch {
    return null;
  }
}
