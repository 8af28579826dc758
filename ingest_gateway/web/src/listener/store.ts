import { createStore, type StoreApi } from "zustand/vanilla";
import type { BroadcastState } from "../protocol/messages";
import { numberOf, type Memory } from "../shared/remembered";
import type { CaptionLine, PartialLine } from "./captions";

/** `joining` covers the first attempt and every later one. */
export type Phase = "asking" | "joining" | "listening" | "over";

export interface ListenerState {
  readonly phase: Phase;
  readonly sessionId: string | null;
  readonly language: string | null;
  readonly sourceLanguage: string | null;
  readonly languages: readonly string[];
  readonly state: BroadcastState;
  readonly lines: readonly CaptionLine[];
  readonly partial: PartialLine | null;
  /** The browser gives no sound before somebody touches the page. */
  readonly soundBlocked: boolean;
  readonly paused: boolean;
  readonly behindS: number;
  readonly rate: number;
  readonly volume: number;
  readonly muted: boolean;
  readonly showOriginal: boolean;
  /** One track without end instead of clips. */
  readonly continuous: boolean;
  readonly isTrackKeptOut: boolean;
  readonly output: string;
  readonly outputs: readonly { readonly id: string; readonly label: string }[];
  /** What is wrong, and what is done about it. */
  readonly problem: string | null;
}

/** A page that has not been used yet, with what its person chose before. */
export function createListenerStore(memory: Memory): StoreApi<ListenerState> {
  return createStore<ListenerState>(() => ({
    phase: "asking",
    sessionId: null,
    language: null,
    sourceLanguage: null,
    languages: [],
    state: "live",
    lines: [],
    partial: null,
    soundBlocked: false,
    paused: false,
    behindS: 0,
    rate: 1,
    volume: numberOf(memory, "listenerVolume", 1),
    muted: memory.get("listenerMuted") === "true",
    showOriginal: memory.get("showOriginal") === "true",
    continuous: memory.get("continuous") === "true",
    isTrackKeptOut: false,
    output: memory.get("output") ?? "",
    outputs: [],
    problem: null,
  }));
}
