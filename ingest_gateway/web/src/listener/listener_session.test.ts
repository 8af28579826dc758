import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LineEvents } from "../protocol/line";
import type { ServerMessage } from "../protocol/messages";
import { memoryOf } from "../shared/remembered";
import { clip, FakeLine, FakeSound, joined } from "./listener_fakes";
import type { ListenerNeeds } from "./listener_needs";
import { ListenerSession } from "./listener_session";
import type { Found } from "./offer";
import type { SoundEvents } from "./sound";
import type { TrackEvents } from "./track_line";

const HERE: Found = {
  kind: "found",
  sourceLanguage: "en",
  languages: ["ca", "es", "en"],
  ended: false,
};
let lines: FakeLine[];
let sounds: FakeSound[];
let addresses: string[];
let found: Found;
let hasAudio = true;
let nowMs = 1234;
let memory = memoryOf();
let session: ListenerSession;

function needs(): ListenerNeeds {
  return {
    memory,
    preferred: () => ["es-ES", "en"],
    findSession: () => Promise.resolve(found),
    openLine: (events) => newLine(events),
    openTrackLine: (_session, _language, events: TrackEvents) => newLine(events),
    createPlayback: (events) => (hasAudio ? newSound(events) : null),
    createTrackSound: newSound,
    listOutputs: () => Promise.resolve([]),
    showAddress: (path) => addresses.push(path),
    sendFeedback: () => Promise.resolve(true),
    isSlow: () => false,
    nowMs: () => nowMs,
  };
}

function newLine(events: LineEvents): FakeLine {
  const line = new FakeLine(events);
  lines.push(line);
  return line;
}

function newSound(events: SoundEvents): FakeSound {
  const sound = new FakeSound(events);
  sounds.push(sound);
  return sound;
}

function last<T>(all: readonly T[]): T {
  const one = all.at(-1);
  if (one === undefined) throw new Error("there is none");
  return one;
}

function state() {
  return session.store.getState();
}

function tell(...messages: ServerMessage[]): void {
  for (const message of messages) last(lines).events.received(message);
}

async function listening(): Promise<void> {
  await session.enter("joyful-1");
  session.choose("es");
  last(lines).events.opened();
  tell(joined());
}

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  sounds = [];
  addresses = [];
  found = HERE;
  hasAudio = true;
  nowMs = 1234;
  memory = memoryOf();
  session = new ListenerSession(needs());
});
afterEach(() => {
  vi.useRealTimers();
});

it("shows the secret of its link when it joins, and its seat when it joins again", async () => {
  const key = "Hi2oEiOSH08zSeAJ-tE8hg";
  await session.enter("joyful-1", key);
  session.choose("es");
  last(lines).events.opened();
  expect(last(lines).sent.at(-1)).toMatchObject({ action: "joinSession", key });
  expect(last(lines).sent.at(-1)).not.toHaveProperty("seat");
  expect(last(addresses)).toBe(`/listen/joyful-1#${key}`);
  tell({ ...joined(), seat: "listener.1f" } as ServerMessage);
  last(lines).events.broken();
  last(lines).events.opened();
  expect(last(lines).sent.at(-1)).toMatchObject({ key, seat: "listener.1f" });
  session.leave();
  await listening();
  expect(last(lines).sent[0]).not.toHaveProperty("key");
  expect(last(lines).sent[0]).not.toHaveProperty("seat");
});

it("asks for a language, the likeliest first, and shows what comes", async () => {
  await session.enter("joyful-1");
  expect(state()).toMatchObject({ phase: "choosing", likely: ["es", "en"], others: ["ca"] });
  expect(lines).toEqual([]);
  await listening();
  expect(new Set(addresses)).toEqual(new Set(["/listen/joyful-1"]));
  expect(last(lines).sent[0]).toMatchObject({ action: "joinSession", targetLanguage: "es" });
  tell(clip(0), clip(1), clip(1, "ca"));
  expect(state().lines.map(({ text, state: shown }) => [text, shown])).toEqual([
    ["frase 0", "waiting"],
    ["frase 1", "waiting"],
  ]);
  expect(last(sounds).offered).toEqual([0, 1]);
  last(sounds).events.began(0, false);
  expect(last(lines).sent.at(-1)).toEqual({ action: "heard", sequenceNumber: 0, heardAt: 1234 });
  last(sounds).events.ended(0);
  expect(state().lines[0]?.state).toBe("heard");
});

it("shows what is released ahead of its voice, in its language", async () => {
  await listening();
  const caption = {
    type: "translatedCaption" as const,
    targetLanguage: "es",
    sequenceNumber: 0,
    sentence: 0,
    text: "frase",
    preview: "cero",
    final: false,
  };
  tell(caption, { ...caption, sequenceNumber: 1, targetLanguage: "ca", text: "oració" });
  expect(state().released).toMatchObject([{ number: 0, text: "frase", preview: "cero" }]);
  session.changeLanguage("ca");
  tell(joined("ca"));
  expect(state().released).toEqual([]);
});

it("misses nothing of a talk that is only read", async () => {
  await listening();
  tell({ type: "skipped", sequenceNumber: 0, reason: "captions", transcript: "frase cero" });
  tell({ type: "skipped", sequenceNumber: 1, reason: "late", transcript: "frase uno" });
  expect(state().lines.map((line) => [line.text, line.state])).toEqual([
    ["frase cero", "heard"],
    ["frase uno", "missing"],
  ]);
});

it("says that the connection broke, and asks for what was missed", async () => {
  await listening();
  tell(clip(4));
  last(lines).events.broken();
  expect(state()).toMatchObject({ phase: "joining", offlineS: 0 });
  nowMs += 3000;
  vi.advanceTimersByTime(1000);
  expect(state().offlineS).toBe(3);
  last(lines).events.opened();
  expect(last(lines).sent.at(-1)).toMatchObject({ action: "joinSession", sinceSequence: 4 });
  tell(joined("es", [5]));
  expect(last(sounds).offered).toEqual([4, 5]);
  expect(state()).toMatchObject({ phase: "listening", problem: null, offlineS: null });
});

it("lets who comes late read what was said, and hear from now on", async () => {
  await session.enter("joyful-1");
  session.choose("es");
  tell(joined("es", [1, 2, 7]));
  expect(state().lines.map((line) => line.state)).toEqual(["past", "past", "past"]);
  expect(last(sounds).startBehind).toHaveBeenCalledWith(7);
  expect(last(sounds).offered).toEqual([]);
});

it("keeps the language that is heard when another one is refused", async () => {
  await listening();
  session.changeLanguage("ca");
  expect(last(lines).sent.at(-1)).toMatchObject({ action: "changeLanguage", targetLanguage: "ca" });
  const refusal = { code: "BAD_LANGUAGE", message: "there is no voice for ca" };
  tell({ type: "error", ...refusal, action: "changeLanguage" });
  expect(state().language).toBe("es");
  expect(state().problem).not.toBeNull();
});

it("shows another language's lines from the answer on", async () => {
  await listening();
  tell(clip(0));
  session.changeLanguage("ca");
  tell(joined("ca"), clip(1, "ca"));
  expect(state().lines.map((line) => line.number)).toEqual([1]);
});

it("tries again when many join, and lets go of a talk that is not there", async () => {
  await session.enter("joyful-1");
  session.choose("es");
  tell({
    type: "error",
    code: "RATE_LIMITED",
    message: "",
    action: "joinSession",
    retryAfterMs: 50,
  });
  const before = last(lines).sent.length;
  vi.advanceTimersByTime(50);
  expect(last(lines).sent.length).toBe(before + 1);
  tell({ type: "error", code: "NO_SESSION", message: "", action: "joinSession" });
  expect(state().phase).toBe("asking");
  expect(last(lines).isClosed).toBe(true);
});

it("asks again while the gateway is away, unless another talk is chosen", async () => {
  found = { kind: "unreachable" };
  await session.enter("joyful-1");
  expect(state().problem).not.toBeNull();
  found = HERE;
  await vi.advanceTimersByTimeAsync(2000);
  expect(state()).toMatchObject({ sessionId: "joyful-1", phase: "choosing" });
  found = { kind: "none" };
  await session.enter("other-2");
  expect(state().problem).not.toBeNull();
  expect(lines.length).toBe(0);
});

it("is over with the talk, and has nothing to play when it is entered late", async () => {
  await listening();
  tell({ type: "broadcastState", sessionId: "joyful-1", state: "ended", volume: 1 });
  expect(state().phase).toBe("over");
  session.leave();
  expect([last(lines).isClosed, last(sounds).isClosed]).toEqual([true, true]);
  found = { ...HERE, ended: true };
  await session.enter("joyful-1");
  session.choose("ca");
  expect(state()).toMatchObject({ phase: "over", state: "ended", language: "ca" });
  expect(lines.length).toBe(1);
});

it("multiplies the speaker's volume with the listener's", async () => {
  await listening();
  expect(last(sounds).volume).toBe(0.5);
  session.controls.setVolume(0.5);
  expect(last(sounds).volume).toBe(0.25);
  session.controls.setMuted(true);
  expect(last(sounds).volume).toBe(0);
  expect([memory.get("listenerVolume"), memory.get("listenerMuted")]).toEqual(["0.5", "true"]);
});

it("plays clips where no track gets through", async () => {
  session.setContinuous(true);
  await listening();
  (last(lines).events as TrackEvents).keptOut();
  expect(state()).toMatchObject({ continuous: false, isTrackKeptOut: true, phase: "joining" });
  expect([lines.length, sounds.length]).toEqual([2, 2]);
  expect([lines[0]?.isClosed, sounds[0]?.isClosed]).toEqual([true, true]);
});

it("stays on a device when the other one cannot be played on", async () => {
  await listening();
  last(sounds).mayChange = false;
  await session.controls.setOutput("loud");
  expect(state()).toMatchObject({ output: "" });
  expect(state().problem).not.toBeNull();
  last(sounds).mayChange = true;
  await session.controls.setOutput("quiet");
  expect(state()).toMatchObject({ output: "quiet", problem: null });
});

it("shares nothing with another session", async () => {
  await listening();
  tell(clip(0));
  const other = new ListenerSession(needs());
  expect(other.store.getState()).toMatchObject({ phase: "asking", lines: [], sessionId: null });
});

it("goes on in its language when its page is loaded anew, and asks for another talk", async () => {
  await listening();
  const again = new ListenerSession(needs());
  await again.enter("joyful-1");
  expect(again.store.getState()).toMatchObject({ phase: "joining", language: "es" });
  await again.enter("other-2");
  expect(again.store.getState()).toMatchObject({ phase: "choosing", sessionId: "other-2" });
});

it("is not live for long without speech, nor when the speaker's place is told", async () => {
  await listening();
  nowMs += 8000;
  vi.advanceTimersByTime(1000);
  expect(state().presence).toBe("quiet");
  tell(clip(0));
  expect(state().presence).toBe("here");
  const told = { type: "broadcastState", sessionId: "joyful-1", state: "live", volume: 1 } as const;
  tell({ ...told, speaker: "away" });
  expect(state().presence).toBe("away");
  tell({ ...told, speaker: "here" });
  expect(state().presence).toBe("here");
});

it("plays a sentence again, which is no new lag, and goes on if it was paused", async () => {
  await listening();
  tell(clip(0), clip(1));
  await session.controls.pause(true);
  const sent = last(lines).sent.length;
  await session.replay([0, 1, 99]);
  expect(last(sounds).replayed).toEqual([0, 1]);
  expect(state().paused).toBe(false);
  last(sounds).events.began(0, true);
  expect(state().lines[0]?.state).toBe("playing");
  expect(last(lines).sent.length).toBe(sent);
});

it("plays nothing for who wants captions only, until that changes", async () => {
  session.setMode("captions");
  await listening();
  expect(last(sounds).isWanted).toBe(false);
  const reading = ["partialCaptions", "captionsOnly"];
  expect(last(lines).sent).toMatchObject([{ capabilities: reading }]);
  session.setMode("sound");
  const capabilities = ["inlineAudio", "partialCaptions"];
  expect(last(lines).sent.at(-1)).toMatchObject({ action: "joinSession", capabilities });
  expect([last(sounds).isWanted, memory.get("mode")]).toEqual([true, "sound"]);
});

it("opens no track for captions only", async () => {
  session.setContinuous(true);
  await listening();
  expect(sounds.length).toBe(1);
  session.setMode("captions");
  expect(sounds.length).toBe(2);
  expect(sounds[0]?.isClosed).toBe(true);
});

it("shows captions where the browser has no Web Audio, and says so", async () => {
  hasAudio = false;
  await listening();
  tell(clip(0));
  expect(state()).toMatchObject({ hasNoSound: true, problem: { id: "sound.none" } });
  expect(state().lines.map((line) => line.text)).toEqual(["frase 0"]);
});

it("keeps the looks that were chosen", () => {
  session.setLooks({ textSize: 4, highContrast: true, theme: "dark" });
  const next = new ListenerSession(needs()).store.getState();
  expect(next).toMatchObject({ textSize: 4, highContrast: true, theme: "dark" });
});
