// A talk from this page: the microphone, the connection and the protocol put together.
import { openMicrophone, type Microphone } from "../audio/microphone";
import { microphoneProblem } from "../audio/microphone_problem";
import { RtcError } from "../protocol/rtc_line";
import { listDevices } from "../shared/devices";
import { remember, remembered } from "../shared/remembered";
import { listenerLink } from "../shared/session_link";
import * as pool from "../shared/sign_in";
import { createSession, fetchOffer, fetchToken, isGoingOn, RefusedError } from "./account";
import { keepOpenTalk, openTalk, type OpenTalk } from "./open_talk";
import { refusalInWords } from "./refusal_in_words";
import { choose, forgetTalk, speakerStore, withOwnLine } from "./store";
import { openSocketLink, openWhipLink, type Speaking, type TalkLink } from "./talk_link";

const STATUS_EVERY_MS = 4000;
/** Nobody is given a token here, or not this one: a person has to bring one. */
const NO_TOKEN = new Set(["FORBIDDEN", "UNAUTHORIZED", "HTTP_404"]);
const NO_SAMPLES =
  "The microphone has gone. Plug it in again or choose another one; " + "the talk stays open.";
const HELD =
  "The system keeps the microphone from this page, as during a telephone call. " +
  "Nothing is heard until you come back to this page, or tap it.";

interface Talk {
  readonly link: TalkLink;
  readonly asking: ReturnType<typeof setInterval>;
  microphone: Microphone | null;
  wakeLock: WakeLockSentinel | null;
  /** Of choices of a microphone: only the last one counts. */
  turn: number;
}

let talk: Talk | null = null;
let publicUrl: string | null = null;
let binaryFrames = true;
/** Where people sign in for a token; null: there is no such place. */
let signInAt: pool.SignIn | null = null;
const set = speakerStore.setState;

/** What there is to choose from. */
export async function prepare(): Promise<void> {
  await refreshMicrophones();
  const media = navigator.mediaDevices as MediaDevices | undefined;
  media?.addEventListener("devicechange", () => void refreshMicrophones());
  window.addEventListener("online", () => talk?.link.hurry());
  document.addEventListener("visibilitychange", lookedAt);
  for (const touch of ["click", "keydown"]) {
    document.addEventListener(touch, () => talk?.microphone?.goOn());
  }
  window.addEventListener("beforeunload", (event) => {
    if (talk !== null) event.preventDefault();
  });
  const left = openTalk();
  if (left !== null && (await isGoingOn(left.sessionId))) set({ resumable: left.sessionId });
  try {
    const offer = await fetchOffer();
    publicUrl = offer.publicUrl;
    binaryFrames = offer.binaryFrames;
    signInAt = offer.signIn;
    const sources = Object.keys(offer.languages);
    const { source } = speakerStore.getState();
    set({ sources, source: sources.includes(source) ? source : (sources[0] ?? source) });
    if (signInAt !== null) await pool.finishSignIn(signInAt);
  } catch (error) {
    set({ problem: inWords(error) });
  }
  await lookAtAccount();
}

/** Leave for the page where people sign in; it sends them back here. */
export async function signIn(): Promise<void> {
  if (signInAt === null) return;
  await pool.beginSignIn(signInAt).catch((error: unknown) => {
    set({ problem: inWords(error) });
  });
}

export function signOut(): void {
  if (signInAt !== null) pool.signOut(signInAt);
}

async function lookAtAccount(): Promise<void> {
  if (signInAt === null) return;
  set({ account: (await pool.signedInToken(signInAt)) === null ? "signed out" : "signed in" });
}

/** Of the account, while somebody is signed in; otherwise the one that the talk began with. */
async function currentToken(otherwise: string): Promise<string> {
  return (signInAt && (await pool.signedInToken(signInAt))) ?? otherwise;
}

/** Back from the background: whatever the browser let go of meanwhile is taken up again. */
function lookedAt(): void {
  if (document.visibilityState !== "visible" || talk === null) return;
  talk.link.hurry();
  talk.microphone?.goOn();
  void stayAwake(talk);
}

async function refreshMicrophones(): Promise<void> {
  const found = await listDevices("audioinput");
  set({
    microphones: found.map((one, index) => ({
      id: one.deviceId,
      label: one.label || `Microphone ${String(index + 1)}`,
    })),
  });
}

/** `token`: typed by a person where the gateway gives none. */
export function start(token: string): Promise<void> {
  return speakInto(async () => {
    const { source } = speakerStore.getState();
    const allowed = token || (await givenToken());
    return { sessionId: await createSession(source, allowed), token: allowed, source };
  });
}

/** Throws RefusedError. */
async function givenToken(): Promise<string> {
  if (signInAt === null) return fetchToken(ownName());
  const token = await pool.signedInToken(signInAt);
  if (token !== null) return token;
  set({ account: "signed out" });
  throw new RefusedError("SIGNED_OUT", "Sign in before you speak.");
}

/** Go on with the talk that this tab left open. */
export function resumeTalk(): Promise<void> {
  return speakInto(() => {
    const left = openTalk();
    if (left === null) throw new RefusedError("NO_SESSION", "That talk is not open any more.");
    return Promise.resolve(left);
  });
}

async function speakInto(which: () => Promise<OpenTalk>): Promise<void> {
  forgetTalk();
  set({ phase: "starting" });
  let microphone: Microphone | null = null;
  try {
    // The microphone first: without it, no session is left behind.
    microphone = await listenTo(speakerStore.getState().microphone);
    const { sessionId, token, source } = await which();
    keepOpenTalk({ sessionId, token, source });
    talk = await open(sessionId, token, microphone);
    const link = listenerLink(publicUrl ?? location.origin, sessionId);
    set({ phase: "speaking", needsToken: false, resumable: null, source, sessionId, link });
    void refreshMicrophones(); // their names are told once one of them may be used
    await stayAwake(talk);
  } catch (error) {
    await microphone?.stop();
    const isRefused = error instanceof RefusedError && NO_TOKEN.has(error.code);
    const needsToken = isRefused && signInAt === null;
    if (isRefused && signInAt !== null) set({ account: "signed out" });
    set((before) => ({
      phase: "ready",
      needsToken: needsToken || before.needsToken,
      problem: inWords(error),
    }));
  }
}

export async function switchMicrophone(deviceId: string): Promise<void> {
  choose("microphone", deviceId);
  const mine = talk;
  if (mine === null) return;
  const turn = (mine.turn += 1);
  const before = mine.microphone;
  mine.microphone = null;
  mine.link.useTrack(null);
  await before?.stop();
  try {
    const opened = await listenTo(deviceId);
    if (talk !== mine || mine.turn !== turn) {
      await opened.stop(); // the talk is over, or another one was chosen meanwhile
      return;
    }
    mine.microphone = opened;
    mine.link.useTrack(opened.track);
    set({ problem: null });
  } catch (error) {
    if (talk === mine && mine.turn === turn) set({ problem: inWords(error) });
  }
}

export function pause(paused: boolean): void {
  talk?.link.pause(paused);
  if (talk !== null) set({ state: paused ? "paused" : "live" });
}

export function mute(muted: boolean): void {
  talk?.link.mute(muted);
  if (talk !== null) set({ state: muted ? "muted" : "live" });
}

export function setVolume(volume: number): void {
  set({ volume });
  talk?.link.setVolume(volume);
}

/** The last words go out before the end does. */
export async function end(): Promise<void> {
  const ending = talk;
  await ending?.microphone?.stop();
  await ending?.link.end();
}

export function level(): number {
  return talk?.microphone?.level() ?? 0;
}

function listenTo(deviceId: string): Promise<Microphone> {
  return openMicrophone({
    deviceId,
    chunkSamples: speakerStore.getState().chunkSamples,
    onChunk: (samples, timestampMs) => talk?.link.speak(samples, timestampMs),
    onLost: () => {
      set({ problem: NO_SAMPLES });
    },
    onHeld: (isHeld) => {
      if (isHeld) set({ problem: HELD });
      else set(({ problem }) => ({ problem: problem === HELD ? null : problem }));
    },
  });
}

async function open(sessionId: string, token: string, microphone: Microphone): Promise<Talk> {
  const speaking: Speaking = {
    sessionId,
    token: () => currentToken(token),
    binaryFrames,
    events: {
      report: set,
      ownWords: (number, text, final) => {
        set(({ ownLines }) => ({ ownLines: withOwnLine(ownLines, { number, text, final }) }));
      },
      joinAgain: () => undefined, // its link does
      over: (problem) => {
        close(problem === null ? null : refusalInWords(problem));
      },
    },
  };
  const isByWebRtc = speakerStore.getState().way === "webrtc";
  const link = isByWebRtc
    ? await openWhipLink(speaking, microphone.track)
    : openSocketLink(speaking);
  const asking = setInterval(() => {
    link.askStatus();
  }, STATUS_EVERY_MS);
  return { link, asking, microphone, wakeLock: null, turn: 0 };
}

function close(problem: string | null): void {
  const over = talk;
  talk = null;
  if (over === null) return;
  keepOpenTalk(null);
  clearInterval(over.asking);
  over.link.close();
  void over.microphone?.stop();
  letSleep(over.wakeLock);
  set({ phase: "over", problem });
}

/** The same speaker after the page was loaded anew. */
function ownName(): string {
  const name = remembered("speaker") ?? `speaker-${crypto.randomUUID()}`;
  remember("speaker", name);
  return name;
}

/** The browser lets a screen sleep again whenever its page is not looked at. */
async function stayAwake(mine: Talk): Promise<void> {
  if (mine.wakeLock?.released === false) return;
  const locks = navigator.wakeLock as WakeLock | undefined;
  // A courtesy only: where it is refused, the talk goes on without it.
  const lock = (await locks?.request("screen").catch(() => null)) ?? null;
  if (talk === mine) mine.wakeLock = lock;
  else letSleep(lock);
}

function letSleep(lock: WakeLockSentinel | null): void {
  lock?.release().catch(() => undefined);
}

function inWords(error: unknown): string {
  const kinds = [RefusedError, RtcError, pool.SignInError];
  const isInWords = error instanceof Error && kinds.some((kind) => error instanceof kind);
  return isInWords ? error.message : microphoneProblem(error);
}
