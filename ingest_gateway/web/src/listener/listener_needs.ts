import { Line, socketUrl, type LineEvents } from "../protocol/line";
import { listDevices } from "../shared/devices";
import { BROWSER_MEMORY, type Memory } from "../shared/remembered";
import { findSession } from "./offer";
import { Playback } from "./playback";
import type { Sound, SoundEvents } from "./sound";
import { TrackLine, type ListenerLine, type TrackEvents, type TrackWish } from "./track_line";
import { TrackSound } from "./track_sound";

/** What a session needs of the browser and of the gateway. */
export interface ListenerNeeds {
  readonly memory: Memory;
  /** Languages that the browser is set to, the dearest first. */
  preferred(): readonly string[];
  findSession: typeof findSession;
  openLine(events: LineEvents): ListenerLine;
  openTrackLine(which: TrackWish, language: string, events: TrackEvents): ListenerLine;
  /** Null: this browser has no Web Audio. */
  createPlayback(events: SoundEvents): Sound | null;
  createTrackSound(events: SoundEvents): Sound & Pick<TrackSound, "play">;
  listOutputs(): Promise<readonly MediaDeviceInfo[]>;
  showAddress(path: string): void;
  nowMs(): number;
}

export function browserNeeds(): ListenerNeeds {
  return {
    memory: BROWSER_MEMORY,
    preferred: () => navigator.languages,
    findSession,
    openLine: (events) => new Line(socketUrl(location.origin), null, events),
    openTrackLine: (which, language, events) => new TrackLine(which, language, events),
    createPlayback: (events) => ("AudioContext" in globalThis ? new Playback(events) : null),
    createTrackSound: (events) => new TrackSound(events),
    listOutputs: async () => {
      const canChoose = "AudioContext" in globalThis && "setSinkId" in AudioContext.prototype;
      const outputs = canChoose ? await listDevices("audiooutput") : [];
      return outputs.filter((device) => device.label !== "");
    },
    showAddress: (path) => {
      history.replaceState(null, "", path);
    },
    nowMs: Date.now,
  };
}
