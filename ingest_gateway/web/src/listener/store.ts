import { createStore, type StoreApi } from "zustand/vanilla";
import type { BroadcastState, TalkPhase, TalkView } from "../protocol/messages";
import type { Words } from "../shared/i18n";
import { numberOf, type Memory } from "../shared/remembered";
import type { CaptionLine, PartialLine } from "./captions";
import type { ReleasedSentence } from "./released";
import type { Presence } from "./speaker_presence";

/** `choosing`: a language; `waiting`: in a room, for a talk; `joining`: the first attempt and every
 * later one. */
export type Phase = "asking" | "choosing" | "waiting" | "joining" | "listening" | "over";
export type Mode = "both" | "captions" | "sound";
export type Theme = "system" | "light" | "dark";

export const TEXT_SIZES_REM = [1, 1.25, 1.5, 1.85, 2.3, 3];
const USUAL_SIZE = 1;

/** The room that a listener is in, and what goes on there. */
export interface RoomPlace {
  readonly roomId: string;
  readonly name: string;
  readonly eventTitle: string;
  readonly retentionDays: number;
  /** The gateway's clock, which planned times are of, against this device's. */
  readonly clockAheadMs: number;
  readonly state: TalkPhase;
  readonly sessionId: string | null;
  readonly talk: TalkView | null;
  readonly next: TalkView | null;
}

export interface ListenerState {
  readonly phase: Phase;
  /** Null: the talk is in no room. */
  readonly room: RoomPlace | null;
  /** The room, or the talk, asks for its access code. */
  readonly needsCode: boolean;
  /** That was typed for the talk; null: none. */
  readonly accessCode: string | null;
  readonly sessionId: string | null;
  /** The secret of the link that led here; null: there is none. */
  readonly key: string | null;
  readonly language: string | null;
  readonly sourceLanguage: string | null;
  /** What can be chosen: the likeliest first, then the others. */
  readonly likely: readonly string[];
  readonly others: readonly string[];
  readonly state: BroadcastState;
  readonly presence: Presence;
  /** Seconds without a connection; null: there is one. */
  readonly offlineS: number | null;
  readonly lines: readonly CaptionLine[];
  readonly partial: PartialLine | null;
  /** Sentences that are shown ahead of their voice. */
  readonly released: readonly ReleasedSentence[];
  readonly mode: Mode;
  /** Captions only, because the network carries no more. */
  readonly isSlow: boolean;
  /** This browser has no Web Audio. */
  readonly hasNoSound: boolean;
  /** The browser gives no sound before the listener touches the page. */
  readonly soundBlocked: boolean;
  readonly paused: boolean;
  readonly behindS: number;
  readonly rate: number;
  readonly volume: number;
  readonly muted: boolean;
  readonly showOriginal: boolean;
  /** An index of TEXT_SIZES_REM. */
  readonly textSize: number;
  readonly highContrast: boolean;
  readonly theme: Theme;
  /** One track without end instead of clips. */
  readonly continuous: boolean;
  readonly isTrackKeptOut: boolean;
  readonly output: string;
  readonly outputs: readonly { readonly id: string; readonly label: string }[];
  /** What is wrong, and what is done about it. */
  readonly problem: Words | null;
}

/** What a person may set for the page's looks; kept by the browser. */
export type Looks = Pick<ListenerState, "showOriginal" | "textSize" | "highContrast" | "theme">;

/** A page that has not been used yet, with what its person chose before. */
export function createListenerStore(memory: Memory): StoreApi<ListenerState> {
  const isSet = (name: string) => memory.get(name) === "true";
  const oneOf = <T extends string>(name: string, values: readonly T[], otherwise: T) =>
    values.find((value) => value === memory.get(name)) ?? otherwise;
  const size = Math.round(numberOf(memory, "textSize", USUAL_SIZE));
  return createStore<ListenerState>(() => ({
    phase: "asking",
    room: null,
    needsCode: false,
    accessCode: null,
    sessionId: null,
    key: null,
    language: null,
    sourceLanguage: null,
    likely: [],
    others: [],
    state: "live",
    presence: "here",
    offlineS: null,
    lines: [],
    partial: null,
    released: [],
    mode: oneOf<Mode>("mode", ["both", "captions", "sound"], "both"),
    isSlow: false,
    hasNoSound: false,
    soundBlocked: false,
    paused: false,
    behindS: 0,
    rate: 1,
    volume: numberOf(memory, "listenerVolume", 1),
    muted: isSet("listenerMuted"),
    showOriginal: isSet("showOriginal"),
    textSize: Math.max(0, Math.min(TEXT_SIZES_REM.length - 1, size)),
    highContrast: isSet("highContrast"),
    theme: oneOf<Theme>("theme", ["system", "light", "dark"], "system"),
    continuous: isSet("continuous"),
    isTrackKeptOut: false,
    output: memory.get("output") ?? "",
    outputs: [],
    problem: null,
  }));
}

/** What a talk is called: by its title where it is in a room, else by its session's name. */
export function titleOf({ room, sessionId }: ListenerState): string {
  return room === null ? (sessionId ?? "") : (room.talk?.title ?? room.name);
}
