import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ServerMessage } from "../protocol/messages";
import { RtcError } from "../protocol/rtc_line";
import { TrackLine, type TrackEvents, type TrackWish } from "./track_line";

const TRACK = {} as RTCRtpReceiver;
let sent: unknown[];
let told: unknown[];
let asked: string[];
let tokens: (string | null)[];
let hungUp: string[];
let gateway: { refusal: Error | null; on: TrackEvents };
let line: TrackLine;

function listening(key: string | null = null, more: Partial<TrackWish> = {}): TrackLine {
  return new TrackLine(
    { sessionId: "joyful-1", key, accessCode: null, seat: null, ...more },
    "es",
    {
      opened: () => told.push("opened"),
      received: (message) => told.push(message.type),
      broken: () => told.push("broken"),
      track: () => told.push("track"),
      keptOut: () => told.push("kept out"),
    },
    {
      open: (url, token, on) => {
        asked.push(url);
        tokens.push(token);
        gateway.on = on;
        if (gateway.refusal !== null) return Promise.reject(gateway.refusal);
        on.track(TRACK);
        return Promise.resolve({
          send: (message) => sent.push(message) > 0,
          hangUp: () => Promise.resolve(hungUp.push(url) > 0),
        });
      },
      random: () => 0,
    },
  );
}

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  sent = [];
  asked = [];
  tokens = [];
  hungUp = [];
  gateway = { refusal: null, on: {} as TrackEvents };
});

afterEach(() => {
  line.close();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);
const taken = () => told.splice(0);

it("shows the secret of the link as its token, if there is one", async () => {
  line = listening("Hi2oEiOSH08zSeAJ-tE8hg");
  await settle();
  line.close();
  line = listening();
  await settle();
  expect(tokens).toEqual(["key.Hi2oEiOSH08zSeAJ-tE8hg", null]);
});

it("shows what else lets it in", async () => {
  line = listening(null, { accessCode: "tulip 42", seat: "a.b" });
  await settle();
  expect(asked).toEqual(["/whep/joyful-1/es?code=tulip+42&seat=a.b"]);
});

it("opens again what broke, ever later, and at once when the network is back", async () => {
  line = listening();
  await settle();
  expect(taken()).toEqual(["track", "opened"]);
  gateway.refusal = new RtcError("NOT_CONNECTED", "no network");
  gateway.on.broken();
  expect(taken()).toEqual(["broken"]);
  await vi.advanceTimersByTimeAsync(150); // 300 ms, halved by chance
  await vi.advanceTimersByTimeAsync(299);
  expect(asked).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toHaveLength(3);
  gateway.refusal = null;
  taken();
  line.hurry();
  await settle();
  expect(taken()).toEqual(["track", "opened"]);
});

it("changes the language with its connection, and hears nothing more of the old one", async () => {
  line = listening();
  await settle();
  const old = gateway.on;
  expect(line.send({ action: "changeLanguage", sessionId: "joyful-1", targetLanguage: "ca" })).toBe(
    true,
  );
  await settle();
  expect([asked, hungUp]).toEqual([
    ["/whep/joyful-1/es", "/whep/joyful-1/ca"],
    ["/whep/joyful-1/es"],
  ]);
  taken();
  old.broken();
  old.received({ type: "heartbeatAck" } satisfies ServerMessage);
  expect(taken()).toEqual([]);
});

it("hangs up a connection that came when it was not wanted any more", async () => {
  line = listening();
  line.close();
  taken();
  await settle();
  expect([taken(), hungUp]).toEqual([[], ["/whep/joyful-1/es"]]);
});

it("tells a refusal as a WebSocket would, and joins again when it is asked to", async () => {
  gateway.refusal = new RtcError("RATE_LIMITED", "later");
  line = listening();
  await settle();
  expect(taken()).toEqual(["error"]);
  gateway.refusal = null;
  line.send({
    action: "joinSession",
    sessionId: "joyful-1",
    targetLanguage: "es",
    capabilities: [],
  });
  await settle();
  expect(taken()).toEqual(["track", "opened"]);
});

it("says so when WebRTC does not get through at all", async () => {
  gateway.refusal = new RtcError("NOT_CONNECTED", "no way");
  line = listening();
  await settle();
  expect(taken()).toEqual(["kept out"]);
});

it("sends what was heard while it is connected", async () => {
  const heard = { action: "heard", sequenceNumber: 3, heardAt: 1 } as const;
  line = listening();
  expect(line.send(heard)).toBe(false);
  await settle();
  expect(line.send(heard)).toBe(true);
  gateway.on.broken();
  expect(line.send(heard)).toBe(false);
  expect(sent).toEqual([heard]);
});
