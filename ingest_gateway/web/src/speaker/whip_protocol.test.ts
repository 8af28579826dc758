import { beforeEach, expect, it } from "vitest";
import type { ErrorMessage } from "../protocol/messages";
import type { TalkReport } from "./talk_protocol";
import { CHUNK_MS, WhipProtocol } from "./whip_protocol";

const BEGAN_MS = 1000;
let sent: string[];
let shown: Partial<TalkReport>;
let over: (ErrorMessage | null)[];
let nowMs: number;
let talk: WhipProtocol;

beforeEach(() => {
  sent = [];
  shown = {};
  over = [];
  nowMs = BEGAN_MS;
  talk = new WhipProtocol(
    "joyful-1",
    { send: ({ action }) => sent.push(action) > 0 },
    {
      report: (changes) => {
        Object.assign(shown, changes);
      },
      ownWords: () => undefined,
      joinAgain: () => undefined,
      over: (problem) => {
        over.push(problem);
      },
    },
    () => nowMs,
  );
  talk.opened();
});

/** Tenths of a second, each sample its tenth. */
function speak(tenths: number): void {
  for (let n = 0; n < tenths; n++) {
    const at = nowMs;
    nowMs += 100;
    talk.speak(new Int16Array(1600).fill((at - BEGAN_MS) / 100 + 1), at);
  }
}

function stored(sequence: number, afterMs: number): void {
  nowMs = BEGAN_MS + (sequence + 1) * CHUNK_MS + afterMs;
  talk.received({ type: "audioAck", sessionId: "joyful-1", sequence });
}

function status(state: "live" | "paused" | "muted"): void {
  const nobody = { listeners: {}, lagMs: {} };
  talk.received({ type: "sessionStatus", state, ...nobody, sequence: -1 });
}

it("keeps what is not acknowledged, to the sample, for another way to send", () => {
  speak(20);
  stored(3, 40); // 1,024 ms are stored, and 40 ms are the least way there is
  expect(talk.unsaved[0]?.timestampMs).toBe(BEGAN_MS + 1024);
  expect(talk.unsaved[0]?.samples.length).toBe((100 - 24) * 16);
  expect(talk.unsaved[0]?.samples[0]).toBe(11);
  expect(shown).toMatchObject({ savedMs: 1024, unsavedMs: 976, lostMs: 0 });
  stored(4, 300); // an acknowledgement that was slow: the quickest one counts
  expect(talk.unsaved[0]?.timestampMs).toBe(BEGAN_MS + 1280);
});

it("keeps 30 s and counts what is lost beyond", () => {
  speak(320);
  expect(shown).toMatchObject({ unsavedMs: 30_000, lostMs: 2000 });
});

it("keeps silence while muted and nothing in a pause", () => {
  talk.mute(true);
  speak(1);
  talk.mute(false);
  talk.pause(true);
  speak(3);
  talk.pause(false);
  speak(1);
  expect(talk.unsaved.map((one) => one.samples[0])).toEqual([0, 5]);
  expect(sent.slice(1)).toEqual([
    "muteBroadcast",
    "unmuteBroadcast",
    "pauseBroadcast",
    "resumeBroadcast",
  ]);
});

it("reckons anew behind a pause, through which chunks are not counted", () => {
  speak(11);
  stored(3, 60);
  talk.pause(true);
  nowMs += 5000;
  talk.pause(false);
  const wentOnMs = nowMs;
  speak(5);
  nowMs = wentOnMs + CHUNK_MS + 60;
  talk.received({ type: "audioAck", sessionId: "joyful-1", sequence: 4 });
  // 256 ms of it are stored, and 20 ms more than the least way may be.
  expect(talk.unsaved[0]?.timestampMs).toBe(wentOnMs + CHUNK_MS + 20);
});

it("makes up for what was pressed before it was told how the talk stands", () => {
  status("paused"); // a talk that goes on: paused when its page was left
  status("paused"); // only the first one counts
  expect(sent).toEqual(["getSessionStatus", "resumeBroadcast"]);
  expect(talk.standing).toMatchObject({ paused: false, muted: false, ending: false });
});

it("is over when another page speaks, and when it has ended by HTTP", () => {
  const taken = { type: "error", code: "SPEAKER_TAKEN", message: "gone on elsewhere" } as const;
  talk.received(taken);
  talk.ended();
  expect(over).toEqual([taken]);
});
