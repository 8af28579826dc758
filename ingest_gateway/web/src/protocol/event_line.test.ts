import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { EventLine } from "./event_line";

class FakeSource {
  readyState = 0;
  closed = false;
  onmessage: (event: { data: string }) => void = () => undefined;
  onerror: () => void = () => undefined;
  constructor(readonly url: string) {}
  close(): void {
    this.closed = true;
  }
  say(message: object): void {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

let sources: FakeSource[];
let told: string[];
let line: EventLine;

function newest(): FakeSource {
  const source = sources.at(-1);
  if (source === undefined) throw new Error("nothing was opened");
  return source;
}

function join(sinceSequence?: number, key?: string): void {
  const since = {
    ...(sinceSequence === undefined ? {} : { sinceSequence }),
    ...(key === undefined ? {} : { key }),
  };
  const wanted = { sessionId: "a-b-1", targetLanguage: "pt-BR", capabilities: [] };
  line.send({ action: "joinSession", ...wanted, ...since });
}

beforeEach(() => {
  vi.useFakeTimers();
  [sources, told] = [[], []];
  line = new EventLine(
    {
      opened: () => told.push("opened"),
      broken: () => told.push("broken"),
      received: (message) => told.push(message.type),
      missing: () => told.push("missing"),
    },
    {
      random: () => 0.5,
      open: (url) => {
        sources.push(new FakeSource(url));
        return newest() as unknown as EventSource;
      },
    },
  );
});
afterEach(() => {
  line.close();
  vi.useRealTimers();
});

it("opens with the join, and again from where it was", async () => {
  await vi.advanceTimersByTimeAsync(0);
  join();
  expect(newest().url).toBe("/captions/a-b-1/pt-BR");
  newest().say({ type: "sessionJoined" });
  newest().onerror();
  expect(told).toEqual(["opened", "sessionJoined", "broken"]);
  await vi.advanceTimersByTimeAsync(300);
  join(7, "the secret");
  expect(newest().url).toBe("/captions/a-b-1/pt-BR?since=7&key=the+secret");
});

it("shows the access code that was typed", () => {
  const wanted = { sessionId: "a-b-1", targetLanguage: "es", capabilities: [] };
  line.send({ action: "joinSession", ...wanted, key: "secret", accessCode: "tulip 42" });
  expect(newest().url).toBe("/captions/a-b-1/es?key=secret&code=tulip+42");
});

it("notices that nothing comes any more", async () => {
  join();
  newest().say({ type: "heartbeatAck" });
  await vi.advanceTimersByTimeAsync(24_000);
  expect(told).not.toContain("broken");
  await vi.advanceTimersByTimeAsync(1000);
  expect(told).toContain("broken");
  expect(newest().closed).toBe(true);
});

it("says of a gateway that has no events that they are missing", () => {
  join();
  newest().readyState = 2;
  newest().onerror();
  expect(told).toEqual(["missing"]);
});

it("changes the language, and says nothing else", () => {
  join(3);
  expect(line.send({ action: "changeLanguage", sessionId: "a-b-1", targetLanguage: "es" })).toBe(
    true,
  );
  expect(newest().url).toBe("/captions/a-b-1/es");
  expect(line.send({ action: "heard", sequenceNumber: 1, heardAt: 2 })).toBe(false);
});

function knock(accessCode?: string): void {
  const code = accessCode === undefined ? {} : { accessCode };
  line.send({ action: "joinRoom", roomId: "calm-harbour-412", key: "the key", ...code });
}

it("follows a room and its talk, and leaves the talk alone", () => {
  knock("1234");
  expect(newest().url).toBe("/rooms/calm-harbour-412/events?key=the+key&code=1234");
  newest().say({ type: "talkState" });
  join();
  expect(line.send({ action: "leaveSession", sessionId: "a-b-1" })).toBe(true);
  expect(sources.map((one) => one.closed)).toEqual([false, true]);
  expect(told).toEqual(["talkState"]);
});

it("opens both anew when one of them breaks", async () => {
  await vi.advanceTimersByTimeAsync(0);
  knock();
  newest().say({ type: "talkState" });
  join();
  newest().say({ type: "sessionJoined" });
  sources[0]?.onerror();
  expect(sources.map((one) => one.closed)).toEqual([true, true]);
  expect(told.at(-1)).toBe("broken");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told.filter((one) => one === "broken")).toEqual(["broken"]);
  expect(told.at(-1)).toBe("opened");
});

it("asks again for a room that did not let in", () => {
  knock();
  newest().say({ type: "error", action: "joinRoom", code: "ROOM_FULL", message: "" });
  expect(newest().closed).toBe(true);
  knock();
  expect(sources.length).toBe(2);
});
