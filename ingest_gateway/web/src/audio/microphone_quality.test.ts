import { expect, it } from "vitest";
import {
  JUDGED_MS,
  JUDGE_EVERY_MS,
  MicrophoneQuality,
  type MicrophoneFault,
} from "./microphone_quality";

const FRAME_MS = 1000 / 60;

/** A level by time in seconds, at sixty moments a second. */
function said(level: (atS: number) => number, seconds = 12): (MicrophoneFault | null)[] {
  const quality = new MicrophoneQuality();
  const frames = Math.round((seconds * 1000) / FRAME_MS);
  return Array.from({ length: frames }, (_, frame) => {
    const atMs = frame * FRAME_MS;
    return quality.heard(level(atMs / 1000), atMs);
  });
}

/** Four syllables a second and a pause of a second in every five. */
function voice(loudest: number, floor = 0.01): (atS: number) => number {
  return (atS) => {
    const isPause = atS % 5 > 4;
    const syllable = Math.abs(Math.sin(4 * Math.PI * atS));
    return Math.min(1, floor * loudest + (isPause ? 0 : loudest * syllable));
  };
}

it.each<[string, (atS: number) => number, MicrophoneFault | null]>([
  ["a voice", voice(0.3), null],
  ["a soft voice that recognisers follow", voice(0.03), null],
  ["a voice in a noisy room", voice(0.3, 0.3), null],
  ["a voice that shouts now and then", (atS) => voice(atS % 5 < 0.2 ? 2 : 0.3)(atS), null],
  ["a microphone that is off", () => 0, "silent"],
  ["a voice from far away", voice(0.01), "quiet"],
  ["a gain that is too high", voice(3), "clipping"],
  ["a fan", (atS) => 0.1 + 0.03 * Math.sin(50 * atS), "noise"],
])("hears of %s: %#", (_, level, fault) => {
  const found = said(level);
  const early = found.slice(0, Math.floor(JUDGED_MS / FRAME_MS) - 1);
  expect(new Set(early)).toEqual(new Set([null]));
  expect(new Set(found.slice(Math.ceil((JUDGED_MS + 2 * JUDGE_EVERY_MS) / FRAME_MS)))).toEqual(
    new Set([fault]),
  );
});

it("says nothing any more once a voice comes", () => {
  const found = said((atS) => (atS < 10 ? 0 : voice(0.3)(atS)), 12);
  expect(found.at(Math.floor(9.9 * 60))).toBe("silent");
  expect(found.at(-1)).toBeNull();
});
