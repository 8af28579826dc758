import { createStore, type StoreApi } from "zustand/vanilla";
import { numberOf, type Memory } from "../shared/remembered";
import type { Words } from "../shared/i18n";
import type { PresentListener, SessionRules, TalkSheet } from "./account";
import type { TalkReport, Way } from "./talk_protocol";

export interface OwnLine {
  readonly number: number;
  readonly text: string;
  readonly final: boolean;
}

export type Phase = "ready" | "starting" | "speaking" | "over";

export interface SpeakerState extends TalkReport {
  readonly phase: Phase;
  readonly sessionId: string | null;
  readonly link: string | null;
  /** Where a phone learns to trust this gateway, if it has to. */
  readonly trustUrl: string | null;
  /** The talk of the link that the page was opened by; null: anybody may begin one here. */
  readonly sheet: TalkSheet | null;
  /** Languages that can be spoken; empty until the gateway has said so. */
  readonly sources: readonly string[];
  readonly source: string;
  /** `label` empty: the browser does not tell it yet. */
  readonly microphones: readonly { readonly id: string; readonly label: string }[];
  readonly microphone: string;
  readonly chunkSamples: number;
  readonly way: Way;
  readonly volume: number;
  /** Null: one needs none here. */
  readonly account: "signed in" | "signed out" | null;
  /** Tokens are not given to everybody here: ask for one. */
  readonly needsToken: boolean;
  /** Whether what was said in the talk that is over can be deleted here: of a room's talk, its
   * organiser does that. */
  readonly erasure: "not here" | "possible" | "under way" | "done";
  /** A talk of this tab that was left open when the page was loaded anew. */
  readonly resumable: string | null;
  readonly problem: Words | null;
  /** Who may listen; null: not asked for yet. */
  readonly rules: SessionRules | null;
  /** Who listens, when that was asked for last. */
  readonly present: readonly PresentListener[];
  /** What became of a change of the rules. */
  readonly ruled: Words | null;
  readonly ownLines: readonly OwnLine[];
}

export const NO_REPORT: TalkReport = {
  connected: false,
  goesBy: null,
  state: "live",
  unsavedMs: 0,
  savedMs: 0,
  lostMs: 0,
  ackMs: null,
  listeners: {},
  lagMs: {},
  cannotHear: 0,
  notice: null,
};
/** What belongs to one talk, before there is one. */
export const NO_TALK = {
  ...NO_REPORT,
  sessionId: null,
  link: null,
  problem: null,
  erasure: "not here",
  rules: null,
  present: [],
  ruled: null,
  ownLines: [],
} as const satisfies Partial<SpeakerState>;
const OWN_LINES = 30;

/** A page that has not been used yet, with what its person chose before. */
export function createSpeakerStore(memory: Memory): StoreApi<SpeakerState> {
  return createStore<SpeakerState>(() => ({
    ...NO_TALK,
    sheet: null,
    phase: "ready",
    trustUrl: null,
    sources: [],
    source: memory.get("source") ?? "en",
    microphones: [],
    microphone: memory.get("microphone") ?? "",
    chunkSamples: numberOf(memory, "chunkSamples", 4096),
    way: memory.get("way") === "webrtc" ? "webrtc" : "websocket",
    volume: 1,
    account: null,
    needsToken: false,
    resumable: null,
  }));
}

/** A later word on the same utterance takes the earlier one's place. */
export function withOwnLine(lines: readonly OwnLine[], line: OwnLine): readonly OwnLine[] {
  const others = lines.filter((known) => known.number !== line.number);
  return [...others, line].sort((one, other) => one.number - other.number).slice(-OWN_LINES);
}
