import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Microphone, MicrophoneWishes } from "../audio/microphone";
import { memoryOf } from "../shared/remembered";
import { RefusedError, type Offer } from "./account";
import type { OpenTalk } from "./open_talk";
import type { SpeakerNeeds } from "./speaker_needs";
import { SpeakerSession } from "./speaker_session";
import type { Speaking, TalkLink } from "./talk_link";

class FakeMicrophone implements Microphone {
  readonly track = {} as MediaStreamTrack;
  stopped = 0;
  wentOn = 0;
  constructor(
    readonly deviceId: string,
    readonly wishes: MicrophoneWishes,
  ) {}
  level = () => 0.25;
  goOn = () => {
    this.wentOn += 1;
  };
  stop = () => {
    this.stopped += 1;
    return Promise.resolve();
  };
}

const OFFER: Offer = {
  languages: { en: ["es"], es: ["en"] },
  publicUrl: "https://talks.example",
  binaryFrames: true,
  signIn: null,
};
const SIGN_IN = { url: "https://pool.example", clientId: "pages" };

const KEY = "Hi2oEiOSH08zSeAJ-tE8hg";
let offer: Offer;
let microphones: FakeMicrophone[];
let plugged: string[];
let done: string[];
let speaking: Speaking | null;
let left: OpenTalk | null;
let signedIn: string | null;
let refusal: Error | null;
let memory = memoryOf();
let session: SpeakerSession;

function link(): TalkLink {
  const told = (name: string) => (value?: unknown) => {
    done.push(value === undefined ? name : `${name} ${JSON.stringify(value)}`);
  };
  return {
    speak: told("speak"),
    pause: told("pause"),
    mute: told("mute"),
    setVolume: told("volume"),
    askStatus: told("status"),
    end: () => {
      done.push("end");
      return Promise.resolve();
    },
    useTrack: (track) => done.push(track === null ? "no track" : "track"),
    hurry: told("hurry"),
    close: told("close"),
  };
}

const unasked = () => Promise.reject(new Error("an owner's control was used"));
const OWNER = {
  fetchRules: unasked,
  changeSession: unasked,
  fetchListeners: unasked,
  removeListener: unasked,
};

function needs(): SpeakerNeeds {
  return {
    memory,
    origin: "http://here",
    openMicrophone: (wishes) => {
      const isThere = wishes.deviceId === "" ? plugged.length > 0 : wishes.deviceId !== "gone";
      if (!isThere) return Promise.reject(new DOMException("", "NotFoundError"));
      const microphone = new FakeMicrophone(wishes.deviceId, wishes);
      microphones.push(microphone);
      return Promise.resolve(microphone);
    },
    listDevices: () =>
      Promise.resolve(plugged.map((deviceId) => ({ deviceId, label: "" })) as MediaDeviceInfo[]),
    openSocketLink: (wanted) => {
      speaking = wanted;
      return link();
    },
    openWhipLink: (wanted) => {
      speaking = wanted;
      done.push("whip");
      return Promise.resolve(link());
    },
    place: null,
    account: {
      ...OWNER,
      fetchTalk: () => Promise.reject(new RefusedError("UNAUTHORIZED", "")),
      takeStage: () => Promise.reject(new RefusedError("STAGE_TAKEN", "")),
      fetchOffer: () => Promise.resolve(offer),
      fetchToken: () => Promise.resolve("given"),
      createSession: (source, token) => {
        if (refusal !== null) return Promise.reject(refusal);
        done.push(`create ${source} ${token}`);
        return Promise.resolve({ sessionId: "joyful-1", listeningKey: KEY });
      },
      eraseSession: (id, token) => {
        done.push(`erase ${id} ${token}`);
        return Promise.resolve();
      },
      isGoingOn: (id) => Promise.resolve(id === "joyful-1"),
    },
    pool: {
      beginSignIn: () => Promise.resolve(),
      finishSignIn: () => Promise.resolve(),
      signedInToken: () => Promise.resolve(signedIn),
      signOut: () => undefined,
    },
    openTalk: {
      keep: (talk) => {
        left = talk;
      },
      kept: () => left,
    },
    lockScreen: () => Promise.resolve(null),
  };
}

function state() {
  return session.store.getState();
}

beforeEach(() => {
  vi.useFakeTimers();
  offer = OFFER;
  microphones = [];
  plugged = ["one"];
  done = [];
  speaking = null;
  left = null;
  signedIn = null;
  refusal = null;
  memory = memoryOf();
  session = new SpeakerSession(needs());
});
afterEach(() => {
  vi.useRealTimers();
});

it("speaks: a microphone, a session, a link for listeners", async () => {
  await session.prepare();
  await session.start("");
  expect(state()).toMatchObject({
    phase: "speaking",
    sessionId: "joyful-1",
    link: `https://talks.example/listen/joyful-1#${KEY}`,
    sources: ["en", "es"],
  });
  expect(done).toEqual(["create en given"]);
  microphones[0]?.wishes.onChunk(new Int16Array(1), 7);
  vi.advanceTimersByTime(4000);
  expect(done.map((one) => one.split(" ")[0])).toEqual(["create", "speak", "status"]);
  expect([session.level(), session.isSpeaking, left?.sessionId]).toEqual([0.25, true, "joyful-1"]);
});

it("leaves no microphone open when the gateway refuses, and asks for a token", async () => {
  refusal = new RefusedError("FORBIDDEN", "Tokens are not given to everybody here.");
  await session.start("");
  expect(state()).toMatchObject({ phase: "ready", needsToken: true });
  expect(state().problem).not.toBeNull();
  expect(microphones[0]?.stopped).toBe(1);
  refusal = null;
  await session.start("typed");
  expect(done).toEqual(["create en typed"]);
  expect(state()).toMatchObject({ phase: "speaking", needsToken: false, problem: null });
});

it("asks people to sign in where the gateway says so", async () => {
  offer = { ...OFFER, signIn: SIGN_IN };
  await session.prepare();
  expect(state().account).toBe("signed out");
  await session.start("");
  expect(state()).toMatchObject({ phase: "ready", account: "signed out", needsToken: false });
  signedIn = "ada";
  await session.start("");
  expect(await speaking?.token()).toBe("ada");
});

it("goes on with a talk that was left open", async () => {
  left = { sessionId: "joyful-1", key: null, token: "kept", source: "es" };
  await session.prepare();
  expect(state().resumable).toBe("joyful-1");
  await session.resumeTalk();
  expect(state()).toMatchObject({ phase: "speaking", source: "es", resumable: null });
  expect(await speaking?.token()).toBe("kept");
});

it("changes its microphone in mid-talk, and keeps only the one chosen last", async () => {
  await session.start("");
  const first = session.switchMicrophone("two");
  await session.switchMicrophone("three");
  await first;
  const open = microphones.filter((one) => one.stopped === 0).map((one) => one.deviceId);
  expect(open).toEqual(["three"]);
  await session.switchMicrophone("gone");
  expect(state().problem).not.toBeNull();
  expect(memory.get("microphone")).toBe("gone");
});

it("says when its sound is held, and takes only that back", async () => {
  await session.start("");
  microphones[0]?.wishes.onHeld(true);
  expect(state().problem).not.toBeNull();
  microphones[0]?.wishes.onHeld(false);
  expect(state().problem).toBeNull();
  microphones[0]?.wishes.onLost();
  microphones[0]?.wishes.onHeld(false);
  expect(state().problem).not.toBeNull();
});

it("ends behind the last words, and is over when the gateway says so", async () => {
  await session.start("");
  session.mute(true);
  session.pause(true);
  await session.end();
  expect(done.slice(1)).toEqual(["mute true", "pause true", "end"]);
  expect(microphones[0]?.stopped).toBe(1);
  speaking?.events.over(null);
  expect(state()).toMatchObject({ phase: "over", problem: null });
  expect([session.isSpeaking, left]).toEqual([false, null]);
  vi.advanceTimersByTime(60_000);
  expect(done.at(-1)).toBe("close"); // nobody asks any more
  await session.ended.erase();
  expect(done.at(-1)).toBe("erase joyful-1 given");
  expect(state()).toMatchObject({ phase: "over", erasure: "done" });
});

it("tells who was taken over", async () => {
  await session.start("");
  speaking?.events.over({ type: "error", code: "SPEAKER_TAKEN", message: "" });
  expect(state().phase).toBe("over");
  expect(state().problem).not.toBeNull();
});

it("goes by WebRTC when that was chosen, also the next time", async () => {
  session.choose("way", "webrtc");
  const next = new SpeakerSession(needs());
  await next.start("");
  expect(done).toContain("whip");
  expect(state().phase).toBe("ready"); // the two share nothing but the memory
});

it("speaks by another microphone when its own goes away, and by its own when that is back", async () => {
  await session.start("");
  await session.switchMicrophone("two");
  microphones.at(-1)?.wishes.onLost();
  await vi.advanceTimersByTimeAsync(0);
  expect(state().problem).toEqual({ id: "microphone.standIn" });
  expect(microphones.map((one) => [one.deviceId, one.stopped])).toEqual([
    ["", 1],
    ["two", 1],
    ["", 0],
  ]);
  expect(memory.get("microphone")).toBe("two");
  plugged = ["one", "two"];
  await session.refreshMicrophones();
  expect(microphones.at(-1)?.deviceId).toBe("two");
  expect([microphones.at(-2)?.stopped, state().problem]).toEqual([1, null]);
});

it("takes up the first microphone that is plugged in when none was left", async () => {
  await session.start("");
  plugged = [];
  microphones.at(-1)?.wishes.onLost();
  await vi.advanceTimersByTimeAsync(0);
  expect(state().problem).toEqual({ id: "microphone.gone" });
  plugged = ["three"];
  await session.refreshMicrophones();
  expect(state().problem).toEqual({ id: "microphone.standIn" });
  expect(microphones.filter((one) => one.stopped === 0).length).toBe(1);
});

it("begins with the usual microphone where the one of last time is not there", async () => {
  session.choose("microphone", "gone");
  await session.start("");
  expect(state()).toMatchObject({ phase: "speaking", problem: null });
  expect(memory.get("microphone")).toBe("gone");
});
