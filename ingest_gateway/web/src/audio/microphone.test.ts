import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openMicrophone, type Microphone } from "./microphone";

vi.mock("./capture.worklet?worker&url", () => ({ default: "worklet.js" }));

/** As browsers have it: one that is closed refuses everything. */
class Context {
  state = "suspended";
  closed = 0;
  resumed = 0;
  mayRun = true;
  onstatechange: () => void = () => undefined;
  readonly audioWorklet = { addModule: () => Promise.resolve() };

  constructor() {
    context = this;
  }

  createMediaStreamSource() {
    return { connect: () => undefined };
  }

  createAnalyser() {
    return { getFloatTimeDomainData: (samples: Float32Array) => samples.fill(0.5) };
  }

  resume(): Promise<void> {
    this.resumed++;
    if (this.state === "closed" || !this.mayRun) return refused();
    this.become("running");
    return Promise.resolve();
  }

  close(): Promise<void> {
    if (this.state === "closed") return refused();
    this.closed++;
    this.become("closed");
    return Promise.resolve();
  }

  become(state: string) {
    this.state = state;
    this.onstatechange();
  }
}

class Worklet {
  readonly port = {
    onmessage: (_: { data: Int16Array | null }) => undefined,
    postMessage: () => {
      if (context.state !== "closed") this.port.onmessage({ data: null });
    },
  };
}

const refused = () => Promise.reject(new DOMException("no", "InvalidStateError"));
let context: Context;
let track: { muted: boolean; stop(): void; getSettings(): object; onmute(): void };
let told: string[];
let microphone: Microphone;

beforeEach(async () => {
  vi.useFakeTimers();
  told = [];
  track = {
    muted: false,
    stop: () => told.push("device let go"),
    getSettings: () => ({ deviceId: "one" }),
    onmute: () => undefined,
  };
  const stream = { getTracks: () => [track], getAudioTracks: () => [track] };
  vi.stubGlobal("window", { isSecureContext: true });
  vi.stubGlobal("navigator", {
    mediaDevices: { getUserMedia: () => Promise.resolve(stream) },
  });
  vi.stubGlobal("AudioContext", Context);
  vi.stubGlobal("AudioWorkletNode", Worklet);
  microphone = await openMicrophone({
    deviceId: "",
    chunkSamples: 4096,
    onChunk: () => undefined,
    onLost: () => told.push("lost"),
    onHeld: (isHeld) => told.push(isHeld ? "held" : "given back"),
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("is let go of once, however often it is stopped", async () => {
  const first = microphone.stop();
  await Promise.all([first, microphone.stop()]);
  await microphone.stop();
  expect([context.closed, told]).toEqual([1, ["device let go"]]);
});

it("is let go of without a word when the browser has closed it already", async () => {
  context.state = "closed";
  const stopped = microphone.stop();
  await vi.runAllTimersAsync();
  await expect(stopped).resolves.toBeUndefined();
});

it("says that the system holds the sound, and goes on when it may", async () => {
  context.mayRun = false;
  context.become("interrupted");
  expect([told, microphone.level()]).toEqual([["held"], 0]);
  microphone.goOn();
  await vi.runAllTimersAsync();
  expect(told).toEqual(["held"]);
  context.mayRun = true;
  microphone.goOn();
  expect([context.state, told]).toEqual(["running", ["held", "given back"]]);
  expect(microphone.level()).toBe(0.5);
});

it("goes on by itself when it may at once", () => {
  const before = context.resumed;
  context.become("suspended");
  expect([context.state, context.resumed]).toEqual(["running", before + 1]);
  expect(told).toEqual(["held", "given back"]);
});

it("says that the device sends nothing for now", () => {
  track.muted = true;
  track.onmute();
  expect(told).toEqual(["held"]);
});

it("says so when it never begins", async () => {
  context.state = "suspended";
  await vi.advanceTimersByTimeAsync(1499);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(told).toEqual(["held"]);
});
