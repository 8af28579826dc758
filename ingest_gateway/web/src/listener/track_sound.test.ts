import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { TrackSound } from "./track_sound";

class Player {
  srcObject: unknown = null;
  paused = true;
  mayPlay = true;

  constructor() {
    player = this;
  }

  play(): Promise<void> {
    if (!this.mayPlay) return Promise.reject(new DOMException("touch it", "NotAllowedError"));
    this.paused = false;
    return Promise.resolve();
  }

  pause(): void {
    this.paused = true;
  }
}

let player: Player;
let sound: TrackSound;
let told: string[];
let blocked: boolean[];
/** Seconds held back and samples, both counted up. */
let held: [number, number];

const receiver = {
  track: {} as MediaStreamTrack,
  getStats: () =>
    Promise.resolve(
      new Map([
        ["a", { type: "transport" }],
        [
          "b",
          {
            type: "inbound-rtp",
            jitterBufferDelay: held[0],
            jitterBufferEmittedCount: held[1],
          },
        ],
      ]) as RTCStatsReport,
    ),
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("Audio", Player);
  vi.stubGlobal("MediaStream", class {});
  vi.stubGlobal("navigator", {});
  told = [];
  blocked = [];
  held = [0, 0];
  sound = new TrackSound({
    began: (number) => told.push(`began ${String(number)}`),
    ended: (number) => told.push(`ended ${String(number)}`),
    refreshUrl: () => Promise.resolve(null),
    progress: ({ soundBlocked }) => blocked.push(soundBlocked),
  });
  sound.play(receiver);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);

it("is heard as much later as the browser holds it back", async () => {
  held = [4800, 48_000]; // 100 ms each
  sound.sent(7, 0.5);
  await after(99);
  expect(told).toEqual([]);
  await after(1);
  expect(told).toEqual(["began 7"]);
  await after(499);
  expect(told).toEqual(["began 7"]);
  await after(1);
  expect(told).toEqual(["began 7", "ended 7"]);
});

it("goes by what was held back lately, not since the beginning", async () => {
  held = [4800, 48_000];
  sound.sent(7, 0.1);
  await after(1000);
  told = [];
  held = [4800 + 14_400, 96_000]; // 300 ms each since then
  sound.sent(8, 0.1);
  await after(299);
  expect(told).toEqual([]);
  await after(1);
  expect(told).toEqual(["began 8"]);
});

it("was heard by nobody while it is paused, or may not play yet", async () => {
  await sound.pause(true);
  sound.sent(7, 0.1);
  await after(1000);
  player.mayPlay = false;
  await sound.pause(false);
  sound.sent(8, 0.1);
  await after(1000);
  expect([told, blocked.at(-1)]).toEqual([[], true]);
  player.mayPlay = true;
  await sound.startSound();
  sound.sent(9, 0.1);
  await after(1000);
  expect([told, blocked.at(-1)]).toEqual([["began 9", "ended 9"], false]);
});

it("was not heard when its connection broke, or the talk was left", async () => {
  held = [4800, 48_000];
  sound.sent(7, 0.1);
  await after(50);
  sound.play(receiver);
  await after(1000);
  sound.sent(8, 0.1);
  await after(0);
  sound.close();
  await after(1000);
  expect(told).toEqual([]);
});
