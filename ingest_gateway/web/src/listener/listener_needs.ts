import { socketUrl, type LineEvents } from "../protocol/line";
import { listDevices } from "../shared/devices";
import { BROWSER_MEMORY, type Memory } from "../shared/remembered";
import { AnyLine, inBrowser } from "./any_line";
import type { FeedbackKind } from "./Feedback";
import { isSlowHere } from "./network_speed";
import { findSession } from "./offer";
import { Playback } from "./playback";
import type { Sound, SoundEvents } from "./sound";
import { TrackLine, type ListenerLine, type TrackEvents, type TrackWish } from "./track_line";
import { TrackSound } from "./track_sound";

/** What lets a listener in, beside the session's id. */
export interface Shown {
  readonly key: string | null;
  readonly accessCode: string | null;
}

/** What a session needs of the browser and of the gateway. */
export interface ListenerNeeds {
  readonly memory: Memory;
  /** Languages that the browser is set to, the dearest first. */
  preferred(): readonly string[];
  findSession: typeof findSession;
  /** Whether the network carries no sound beside captions. */
  readonly isSlow: () => boolean;
  openLine(events: LineEvents): ListenerLine;
  openTrackLine(which: TrackWish, language: string, events: TrackEvents): ListenerLine;
  /** Null: this browser has no Web Audio. */
  createPlayback(events: SoundEvents): Sound | null;
  createTrackSound(events: SoundEvents): Sound & Pick<TrackSound, "play">;
  listOutputs(): Promise<readonly MediaDeviceInfo[]>;
  /** Whether it got through. */
  sendFeedback(sessionId: string, shown: Shown, kind: FeedbackKind): Promise<boolean>;
  showAddress(path: string): void;
  nowMs(): number;
}

export function browserNeeds(): ListenerNeeds {
  return {
    memory: BROWSER_MEMORY,
    preferred: () => navigator.languages,
    findSession,
    isSlow: isSlowHere,
    openLine: (events) => new AnyLine(events, inBrowser(socketUrl(location.origin))),
    openTrackLine: (which, language, events) => new TrackLine(which, language, events),
    createPlayback: (events) => ("AudioContext" in globalThis ? new Playback(events) : null),
    createTrackSound: (events) => new TrackSound(events),
    listOutputs: async () => {
      const canChoose = "AudioContext" in globalThis && "setSinkId" in AudioContext.prototype;
      const outputs = canChoose ? await listDevices("audiooutput") : [];
      return outputs.filter((device) => device.label !== "");
    },
    sendFeedback: async (sessionId, { key, accessCode }, kind) => {
      const headers: Record<string, string> = {
        ...(key === null ? {} : { "x-listening-key": key }),
        ...(accessCode === null ? {} : { "x-access-code": accessCode }),
      };
      const init = { method: "POST", headers, body: JSON.stringify({ kind }) };
      const path = `/sessions/${encodeURIComponent(sessionId)}/feedback`;
      return (await fetch(path, init).catch(() => null))?.ok === true;
    },
    showAddress: (path) => {
      history.replaceState(null, "", path);
    },
    nowMs: Date.now,
  };
}
