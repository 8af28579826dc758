import { beforeEach, expect, it } from "vitest";
import type { ErrorMessage } from "../protocol/messages";
import { SpeakerProtocol } from "./speaker_protocol";
import type { TalkReport } from "./talk_protocol";

const CHUNK = new Int16Array(1600).fill(7);
let sent: unknown[];
let shown: Partial<TalkReport>;
let over: (ErrorMessage | null)[];
let again: number[];
let nowMs: number;
let talk: SpeakerProtocol;

/** A frame as (sequence, first sample). */
function seen(bytes: Uint8Array<ArrayBuffer>): [number, number] {
  const view = new DataView(bytes.buffer);
  return [Number(view.getBigUint64(4)), view.getInt16(24, true)];
}

beforeEach(() => {
  sent = [];
  shown = {};
  over = [];
  again = [];
  nowMs = 1000;
  const wire = {
    send: (message: { action: string }) => sent.push(message.action) > 0,
    sendBytes: (bytes: Uint8Array<ArrayBuffer>) => sent.push(seen(bytes)) > 0,
  };
  talk = new SpeakerProtocol(
    "joyful-1",
    "stream-1",
    wire,
    {
      report: (changes) => {
        Object.assign(shown, changes);
      },
      ownWords: () => undefined,
      joinAgain: (inMs) => {
        again.push(inMs);
      },
      over: (problem) => {
        over.push(problem);
      },
    },
    () => nowMs,
  );
});

function joined(sequence = -1, state: "live" | "paused" | "muted" = "live"): void {
  talk.opened();
  talk.received({ type: "speakerJoined", sessionId: "joyful-1", epoch: 0, sequence, state });
}

function speak(times: number): void {
  for (let n = 0; n < times; n++) talk.speak(CHUNK, n * 100);
}

function broadcast(state: "live" | "paused" | "muted" | "ended"): void {
  talk.received({ type: "broadcastState", sessionId: "joyful-1", state, volume: 1 });
}

const taken = () => sent.splice(0);

it("sends again what was not acknowledged when the connection broke, and only that", () => {
  joined();
  speak(4);
  talk.received({ type: "audioAck", sessionId: "joyful-1", sequence: 1 });
  talk.broken();
  speak(2); // kept
  taken();
  joined(2);
  expect(taken()).toEqual(["joinAsSpeaker", [3, 7], [4, 7], [5, 7], "getSessionStatus"]);
  expect(shown).toMatchObject({ connected: true, savedMs: 300, unsavedMs: 300, lostMs: 0 });
});

it("keeps 30 s and says what is lost beyond", () => {
  joined();
  talk.broken();
  speak(310);
  expect(shown).toMatchObject({ connected: false, unsavedMs: 30_000, lostMs: 1000 });
  taken();
  joined();
  expect(taken().filter(Array.isArray)).toHaveLength(300);
});

it("numbers nothing in a pause and sends again what crossed it on its way", () => {
  joined();
  speak(2);
  talk.pause(true);
  speak(3);
  talk.received({ type: "error", code: "FORBIDDEN", message: "paused", action: "audioChunk" });
  broadcast("paused");
  expect(taken().slice(2)).toEqual([[0, 7], [1, 7], "pauseBroadcast"]);
  talk.pause(false);
  broadcast("live");
  speak(1);
  expect(taken()).toEqual(["resumeBroadcast", [0, 7], [1, 7], [2, 7]]);
  expect(over).toEqual([]);
});

it("sends silence while muted", () => {
  joined();
  talk.mute(true);
  speak(1);
  talk.mute(false);
  speak(1);
  expect(taken().slice(2)).toEqual(["muteBroadcast", [0, 0], "unmuteBroadcast", [1, 7]]);
});

it("makes up for a mute that was pressed without a connection", () => {
  joined();
  talk.broken();
  talk.mute(true);
  taken();
  joined();
  expect(taken()).toContain("muteBroadcast");
});

it("resends nothing into a pause", () => {
  joined();
  speak(1);
  talk.broken();
  talk.pause(true);
  taken();
  joined(-1, "paused");
  expect(taken()).toEqual(["joinAsSpeaker", "getSessionStatus"]);
});

it("ends behind its last chunk, also when the connection broke just then", () => {
  joined();
  speak(1);
  talk.broken();
  talk.end();
  taken();
  joined();
  expect(taken()).toEqual(["joinAsSpeaker", [0, 7], "endSession"]);
  broadcast("ended");
  speak(1);
  expect([over, taken()]).toEqual([[null], []]);
});

it("takes an end that was carried out before the connection broke for one", () => {
  joined();
  talk.end();
  talk.received({ type: "error", code: "SESSION_ENDED", message: "this session has ended" });
  expect(over).toEqual([null]);
});

it("stops when somebody else speaks, and joins later when the service is down", () => {
  joined();
  const down = { type: "error", code: "INTERNAL", message: "try again" } as const;
  talk.received({ ...down, action: "joinAsSpeaker" });
  expect([again, over, shown.notice]).toEqual([[1000], [], "try again"]);
  const taken = { type: "error", code: "SPEAKER_TAKEN", message: "gone on elsewhere" } as const;
  talk.received(taken);
  talk.received(taken);
  expect(over).toEqual([taken]);
});

it("measures how long a chunk takes to be stored", () => {
  joined();
  speak(1);
  nowMs += 180;
  talk.received({ type: "audioAck", sessionId: "joyful-1", sequence: 0 });
  expect(shown.ackMs).toBe(180);
});

it("shows a notice for ten seconds, then until audio is stored again", () => {
  joined();
  const acknowledged = { type: "audioAck", sessionId: "joyful-1", sequence: -1 } as const;
  talk.received({ type: "error", code: "SLOW_DOWN", message: "slower", action: "audioChunk" });
  nowMs += 9000;
  talk.received(acknowledged);
  expect(shown.notice).toBe("slower");
  nowMs += 2000;
  talk.received(acknowledged);
  expect(shown.notice).toBeNull();
});

it("stays muted though the answer to an earlier button says that it is live", () => {
  joined();
  talk.mute(true);
  talk.mute(false);
  talk.mute(true);
  sent = [];
  broadcast("muted");
  broadcast("live");
  speak(1);
  expect(sent).toEqual([[0, 0]]);
  broadcast("muted");
  speak(1);
  expect(sent.at(-1)).toEqual([1, 0]);
});

it("loses no word when a pause was taken back before its answer came", () => {
  joined();
  talk.pause(true);
  talk.pause(false);
  broadcast("paused");
  sent = [];
  speak(1);
  expect(sent).toEqual([[0, 7]]);
});

it("follows another hand on the talk when its own button was pressed long ago", () => {
  joined();
  talk.mute(true);
  broadcast("muted");
  nowMs += 6000;
  broadcast("live");
  speak(1);
  expect(sent.at(-1)).toEqual([0, 7]);
  const status = { type: "sessionStatus", listeners: {}, lagMs: {}, sequence: 0 } as const;
  talk.received({ ...status, state: "muted" }); // that it was muted again was not told
  speak(1);
  expect(sent.at(-1)).toEqual([1, 0]);
});
