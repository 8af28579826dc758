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
