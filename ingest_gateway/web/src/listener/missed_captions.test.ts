import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ServerMessage } from "../protocol/messages";
import { memoryOf } from "../shared/remembered";
import { clip, FakeLine, FakeSound, joined } from "./listener_fakes";
import { ListenerSession } from "./listener_session";

let lines: FakeLine[];
let sounds: FakeSound[];
let nowMs = 0;
let session: ListenerSession;

function made<T>(all: T[], one: T): T {
  all.push(one);
  return one;
}

function tell(...messages: ServerMessage[]): void {
  for (const message of messages) lines.at(-1)?.events.received(message);
}

function shown(): number[] {
  return session.store.getState().lines.map((line) => line.number);
}

function lastSent() {
  return lines.at(-1)?.sent.at(-1);
}

function reconnect(): void {
  lines.at(-1)?.events.broken();
  lines.at(-1)?.events.opened();
}

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
  lines = [];
  sounds = [];
  nowMs = 0;
  session = new ListenerSession({
    memory: memoryOf(),
    preferred: () => ["es"],
    findSession: () =>
      Promise.resolve({
        kind: "found",
        sourceLanguage: "en",
        languages: ["ca", "es"],
        ended: false,
      }),
    openLine: (events) => made(lines, new FakeLine(events)),
    openTrackLine: (_which, _language, events) => made(lines, new FakeLine(events)),
    createPlayback: (events) => made(sounds, new FakeSound(events)),
    createTrackSound: (events) => made(sounds, new FakeSound(events)),
    listOutputs: () => Promise.resolve([]),
    showAddress: () => undefined,
    sendFeedback: () => Promise.resolve(true),
    isSlow: () => false,
    nowMs: () => nowMs,
  });
  await session.enter("joyful-1");
  session.choose("es");
  lines.at(-1)?.events.opened();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

it("asks after a reconnect for what an overtaking message left behind", () => {
  tell(joined(), clip(1), clip(4, "es", 3));
  reconnect();
  expect(lastSent()).toMatchObject({ action: "joinSession", sinceSequence: 1 });
  tell(joined("es", [3, 4]));
  expect(shown()).toEqual([1, 3, 4]);
});

it("asks for what the gateway could not send, without a reconnect", () => {
  tell(joined("es", [1]), clip(3, "es", 2));
  const sent = lines.at(-1)?.sent.length;
  tell({ type: "heartbeatAck" });
  expect(lines.at(-1)?.sent.length).toBe(sent);
  nowMs += 3000;
  tell({ type: "heartbeatAck" });
  expect(lastSent()).toMatchObject({ action: "joinSession", sinceSequence: 1 });
  tell(joined("es", [2, 3]));
  expect(shown()).toEqual([1, 2, 3]);
  expect(session.store.getState().phase).toBe("listening");
});

it("says nothing when it has to wait before it may ask", () => {
  tell(joined("es", [1]), clip(3, "es", 2));
  const refusal = { type: "error", code: "RATE_LIMITED", message: "" } as const;
  tell({ ...refusal, action: "joinSession", retryAfterMs: 5000 });
  expect(session.store.getState()).toMatchObject({ phase: "listening", problem: null });
  const sent = lines.at(-1)?.sent.length ?? 0;
  vi.advanceTimersByTime(5000);
  expect(lines.at(-1)?.sent.slice(sent)).toMatchObject([{ sinceSequence: 1 }]);
});

it("reads on where one answer could not hold all that was missed", () => {
  tell(joined("es", [1]));
  reconnect();
  tell(joined("es", [2, 3])); // the first that were missed
  tell(clip(9, "es", 8));
  tell({ type: "heartbeatAck" });
  nowMs += 3000;
  tell({ type: "heartbeatAck" });
  expect(lastSent()).toMatchObject({ sinceSequence: 3 });
});

it("does not begin a long absence's speech where it was lost", () => {
  tell(joined("es", [1]));
  reconnect();
  const missed = Array.from({ length: 100 }, (_, at) => at + 2);
  tell(joined("es", missed));
  expect(shown().length).toBe(101);
  expect(sounds.at(-1)?.startBehind).toHaveBeenLastCalledWith(81); // a minute is left, 20 of 3 s
});

it("gives who changes the language without a connection that language's last captions", () => {
  tell(joined("es", [1, 2]));
  lines.at(-1)?.events.broken();
  session.changeLanguage("ca");
  lines.at(-1)?.events.opened();
  expect(lastSent()).not.toHaveProperty("sinceSequence");
});

it("keeps what is read when the sound comes another way", () => {
  tell(joined("es", [1, 2]), clip(3, "es", 2));
  session.setContinuous(true);
  expect(shown()).toEqual([1, 2, 3]);
  expect(sounds.at(-1)?.startBehind).toHaveBeenLastCalledWith(3);
  tell(joined("es", [2, 3]), clip(4, "es", 3));
  expect(shown()).toEqual([1, 2, 3, 4]);
});
