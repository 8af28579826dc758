import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LineEvents } from "../protocol/line";
import type { ClientMessage, ServerMessage, TalkState } from "../protocol/messages";
import { memoryOf } from "../shared/remembered";
import type { FoundDoor } from "./door";
import { ListenerSession } from "./listener_session";
import { RoomVisit } from "./room_visit";

const KEY = "Hi2oEiOSH08zSeAJ-tE8hg";
const ONE = { talkId: "calm-1.1", title: "One", speaker: "Ada", language: "en", plannedAt: null };
const TWO = { ...ONE, talkId: "calm-1.2", title: "Two" };
const WAITING: TalkState = {
  type: "talkState",
  state: "waiting",
  since: 0,
  sessionId: null,
  roomId: "calm-1",
  talk: null,
  next: ONE,
  retentionDays: 7,
};

let sent: ClientMessage[];
let events: LineEvents | null;
let opened: number;
let found: FoundDoor;
let codes: (string | null)[];
let session: ListenerSession;
let visit: RoomVisit;

function door(state: TalkState = WAITING): FoundDoor {
  const place = { roomId: "calm-1", eventTitle: "School", name: "Hall", languages: [] };
  return {
    kind: "found",
    door: { ...place, retentionDays: 1, state },
    languages: ["es", "en"],
    clockAheadMs: 0,
  };
}

function tell(message: ServerMessage | TalkState): void {
  events?.received(message);
}

function live(sessionId: string, talk = ONE, next: typeof ONE | null = TWO): TalkState {
  return { ...WAITING, state: "live", sessionId, talk, next };
}

function actions(): string[] {
  return sent.map((one) => one.action);
}

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  codes = [];
  opened = 0;
  events = null;
  found = door();
  visit = new RoomVisit(
    { id: "calm-1", key: KEY },
    {
      fetchDoor: (_place, code) => {
        codes.push(code);
        return Promise.resolve(found);
      },
      openLine: (wanted) => {
        opened += 1;
        events = wanted;
        return {
          send: (message) => sent.push(message) > 0,
          hurry: () => undefined,
          close: () => undefined,
        };
      },
    },
  );
  session = new ListenerSession({
    memory: memoryOf(),
    preferred: () => ["es"],
    findSession: () => Promise.resolve({ kind: "none" }),
    openLine: (wanted) => visit.openLine(wanted),
    openTrackLine: (_which, _language, wanted) => visit.openLine(wanted),
    createPlayback: () => null,
    createTrackSound: () => {
      throw new Error("no sound here");
    },
    listOutputs: () => Promise.resolve([]),
    showAddress: () => undefined,
    isSlow: () => false,
    sendFeedback: () => Promise.resolve(true),
    nowMs: () => 0,
  });
});

afterEach(() => {
  vi.useRealTimers();
});

async function enter(): Promise<void> {
  await visit.enter(session);
  events?.opened();
  tell(WAITING);
}

it("waits in a room and joins what begins there, over the connection that it has", async () => {
  await enter();
  expect(sent[0]).toEqual({ action: "joinRoom", roomId: "calm-1", key: KEY });
  expect(session.store.getState()).toMatchObject({ phase: "choosing", likely: ["es"] });
  session.choose("es");
  expect(session.store.getState()).toMatchObject({ phase: "waiting", language: "es" });
  tell(live("joyful-1"));
  await vi.advanceTimersByTimeAsync(0);
  expect(sent.at(-1)).toMatchObject({ action: "joinSession", sessionId: "joyful-1", key: KEY });
  expect(session.store.getState().room).toMatchObject({ state: "live", talk: ONE, next: TWO });
  expect(opened).toBe(1);
});

it("stays through the end of a talk and goes on with the next, once the last words are out", async () => {
  await enter();
  session.choose("es");
  tell(live("joyful-1"));
  await vi.advanceTimersByTimeAsync(0);
  tell({ ...WAITING, next: TWO });
  expect(session.store.getState()).toMatchObject({ sessionId: "joyful-1" });
  const before = sent.length;
  tell(live("joyful-2", TWO, null));
  await vi.advanceTimersByTimeAsync(3900);
  expect(sent.length).toBe(before);
  await vi.advanceTimersByTimeAsync(200);
  expect(sent.slice(before)).toMatchObject([
    { action: "leaveSession", sessionId: "joyful-1" },
    { action: "joinSession", sessionId: "joyful-2" },
  ]);
  expect(opened).toBe(1);
});

it("joins room and session again when the connection breaks", async () => {
  await enter();
  session.choose("es");
  tell(live("joyful-1"));
  await vi.advanceTimersByTimeAsync(0);
  events?.broken();
  expect(session.store.getState().phase).toBe("joining");
  sent = [];
  events?.opened();
  expect(actions()).toEqual(["joinRoom"]);
  tell(live("joyful-1"));
  expect(actions()).toEqual(["joinRoom", "joinSession"]);
  tell(live("joyful-1")); // told again: nothing new
  expect(actions()).toEqual(["joinRoom", "joinSession"]);
});

it("asks for the room's code, and says when it was wrong", async () => {
  found = { kind: "code", wasWrong: false };
  await visit.enter(session);
  expect(session.store.getState()).toMatchObject({ needsCode: true, problem: null });
  found = { kind: "code", wasWrong: true };
  await visit.enter(session, "4321");
  expect(session.store.getState().problem).toEqual({ id: "room.wrongCode" });
  found = door();
  await visit.enter(session, "1234");
  events?.opened();
  expect(sent[0]).toMatchObject({ accessCode: "1234" });
  expect(session.store.getState()).toMatchObject({
    ...{ needsCode: false, problem: null, accessCode: "1234" },
  });
  expect(codes).toEqual([null, "4321", "1234"]);
});

it.each([
  ["ROOM_FULL", "room.full"],
  ["ROOM_LOCKED", "room.locked"],
])("knocks again when it is not let in for %s", async (code, id) => {
  await visit.enter(session);
  events?.opened();
  tell({ type: "error", action: "joinRoom", code, message: "" });
  expect(session.store.getState().problem).toEqual({ id });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(actions()).toEqual(["joinRoom", "joinRoom"]);
  tell(WAITING);
  expect(session.store.getState().problem).toBeNull();
});

it("says that a link leads nowhere, and tries again when there is no answer", async () => {
  found = { kind: "none" };
  await visit.enter(session);
  expect(session.store.getState()).toMatchObject({ problem: { id: "room.none" }, phase: "asking" });
  found = { kind: "unreachable" };
  await visit.enter(session);
  found = door();
  await vi.advanceTimersByTimeAsync(2000);
  expect(session.store.getState().phase).toBe("choosing");
});

it("a state without a room is about the session alone", async () => {
  await enter();
  tell({ type: "talkState", state: "speakerAway", since: 1, sessionId: "joyful-1" });
  expect(session.store.getState().room?.state).toBe("waiting");
});

it("lets choose anew where the next talk cannot be had in the language of the last one", async () => {
  await enter();
  session.choose("es");
  tell(live("joyful-1"));
  await vi.advanceTimersByTimeAsync(0);
  tell(live("joyful-2", TWO, null));
  await vi.advanceTimersByTimeAsync(4000);
  found = door(live("joyful-2", TWO, null));
  tell({ type: "error", action: "joinSession", code: "BAD_LANGUAGE", message: "" });
  await vi.advanceTimersByTimeAsync(0);
  expect(session.store.getState()).toMatchObject({
    phase: "choosing",
    problem: { id: "join.badLanguage" },
  });
  session.choose("en");
  await vi.advanceTimersByTimeAsync(0);
  expect(sent.at(-1)).toMatchObject({ sessionId: "joyful-2", targetLanguage: "en" });
});

it("is let in by the code that was changed while it had no connection", async () => {
  await enter();
  session.choose("es");
  events?.broken();
  events?.opened();
  tell({ type: "error", action: "joinRoom", code: "WRONG_CODE", message: "" });
  expect(session.store.getState()).toMatchObject({ phase: "asking", needsCode: true });
  sent = [];
  await visit.enter(session, "4321");
  expect(sent).toMatchObject([{ action: "joinRoom", accessCode: "4321" }]);
});

it("knocks once at a time, however often the connection breaks", async () => {
  await visit.enter(session);
  const full = { type: "error", action: "joinRoom", code: "ROOM_FULL", message: "" } as const;
  for (let n = 0; n < 5; n++) {
    events?.opened();
    tell(full);
  }
  sent = [];
  await vi.advanceTimersByTimeAsync(10_000);
  expect(actions()).toEqual(["joinRoom"]);
});
