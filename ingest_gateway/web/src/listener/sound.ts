import type { PassReason } from "./playback_queue";
import type { Utterance } from "../protocol/messages";

/** What listening tells of the sound. */
export interface SoundEvents {
  /** `isAgain`: a listener asked to hear it once more. */
  began(number: number, isAgain: boolean): void;
  ended(number: number): void;
  passed(number: number, reason: PassReason | "left out"): void;
  progress(now: { behindS: number; rate: number; soundBlocked: boolean }): void;
  refreshUrl(number: number): Promise<string | null>;
}

/** How a talk is heard: clip by clip, or as one continuous track. */
export interface Sound {
  readonly output: {
    /** 0 to 1. */
    setVolume(volume: number): void;
    setOutput(deviceId: string): Promise<void>;
  };
  startBehind(number: number | null): void;
  /** False: it is not played from here, or was before. */
  offer(utterance: Utterance): boolean;
  /** The gateway begins to send its sound, which lasts so long. */
  sent(number: number, durationS: number): void;
  changeLanguage(): void;
  /** Without sound nothing is loaded or played, until it is wanted again: then from there on. */
  setWanted(isWanted: boolean): void;
  /** Play these once more, at once; then go on where the sound was. */
  replay(utterances: readonly Utterance[]): Promise<void>;
  /** Any touch of the page will do, not only one of the button that asks for it. */
  touched(): void;
  startSound(): Promise<void>;
  pause(paused: boolean): Promise<void>;
  jumpToLive(): void;
  close(): void;
}
