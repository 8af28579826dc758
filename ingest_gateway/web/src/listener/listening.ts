// Listening from this page: the connection, the captions and the playback put together.
import { Line, socketUrl } from "../protocol/line";
import type { ErrorMessage, ServerMessage, Utterance } from "../protocol/messages";
import { likeliest } from "../shared/languages";
import { remember, remembered } from "../shared/remembered";
import { stillPartial, withLine, withState, type CaptionState } from "./captions";
import { FreshUrls } from "./fresh_urls";
import { joinProblem } from "./join_problem";
import { Playback } from "./playback";
import type { Sound, SoundEvents } from "./sound";
import { listenerStore } from "./store";
import { TrackLine, type ListenerLine } from "./track_line";
import { TrackSound } from "./track_sound";

const JOIN_AGAIN_MS = 1000;
const CAPABILITIES = ["inlineAudio", "partialCaptions"];
const NO_CONNECTION = "No connection: trying again. What you missed will be made up for.";
const NO_OUTPUT = "That device cannot be played on. The sound stays where it was.";

const get = listenerStore.getState;
const set = listenerStore.setState;
/** The speaker's volume, on top of which a listener has their own. */
let speakersVolume = 1;
let line: ListenerLine | null = null;
let sound: Sound | null = null;
/** The last number that came in this language; null: nothing yet. */
let lastNumber: number | null = null;
/** Of the lines on the page; another one than chosen until the gateway has answered. */
let shownLanguage: string | null = null;
let freshUrls = new FreshUrls();

const SOUND_EVENTS: SoundEvents = {
  began: (number) => {
    mark(number, "playing");
    line?.send({ action: "heard", sequenceNumber: number, heardAt: Date.now() });
  },
  ended: (number) => {
    mark(number, "heard");
  },
  passed: (number, reason) => {
    mark(number, reason === "left out" ? "heard" : "missing");
  },
  progress: (now) => {
    showProgress(now);
  },
  refreshUrl,
};

/** Join, or change over from another session. */
export function listen(sessionId: string, language: string): void {
  stop();
  lastNumber = null;
  remember("language", language);
  set({ phase: "joining", sessionId, language, problem: null, lines: [], partial: null });
  if (get().continuous) openTrack(sessionId, language);
  else openClips();
  applyVolume();
  void sound?.output.setOutput(get().output).catch(() => undefined);
  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  document.addEventListener("click", touched);
  document.addEventListener("keydown", touched);
}

function openClips(): void {
  sound = new Playback(SOUND_EVENTS);
  void sound.startSound();
  line = new Line(socketUrl(location.origin), null, { opened: join, received: receive, broken });
}

function openTrack(sessionId: string, language: string): void {
  const player = new TrackSound(SOUND_EVENTS);
  sound = player;
  line = new TrackLine(sessionId, language, {
    opened: join,
    received: receive,
    broken,
    track: (receiver) => {
      player.play(receiver);
    },
    keptOut: () => {
      set({ continuous: false, isTrackKeptOut: true });
      listen(sessionId, get().language ?? language);
    },
  });
}

/** Clips, which can catch up and wait, or one track, which goes on behind a lock screen. */
export function setContinuous(continuous: boolean): void {
  remember("continuous", String(continuous));
  set({ continuous, isTrackKeptOut: false, paused: false });
  const { sessionId, language, phase } = get();
  if (sessionId !== null && language !== null && phase !== "over") listen(sessionId, language);
}

export function changeLanguage(language: string): void {
  remember("language", language);
  const { sessionId, phase } = get();
  if (sessionId === null || language === get().language) return;
  set({ language, problem: null });
  sound?.changeLanguage();
  // Not connected: the next join asks for it.
  const isSent = line?.send({ action: "changeLanguage", sessionId, targetLanguage: language });
  if (isSent !== true && phase === "over") listen(sessionId, language);
}

export function leave(): void {
  stop();
  history.replaceState(null, "", "/listen");
  set({ phase: "asking", problem: null });
}

export async function startSound(): Promise<void> {
  await sound?.startSound();
}

export async function pause(paused: boolean): Promise<void> {
  set({ paused });
  await sound?.pause(paused);
}

export async function jumpToLive(): Promise<void> {
  sound?.jumpToLive();
  if (get().paused) await pause(false);
}

export function setVolume(volume: number): void {
  remember("listenerVolume", String(volume));
  set({ volume });
  applyVolume();
}

export function setMuted(muted: boolean): void {
  remember("listenerMuted", String(muted));
  set({ muted });
  applyVolume();
}

export async function setOutput(output: string): Promise<void> {
  const before = get().output;
  set({ output });
  if (get().problem === NO_OUTPUT) set({ problem: null });
  try {
    await sound?.output.setOutput(output);
    remember("output", output);
  } catch {
    set({ output: before, problem: NO_OUTPUT });
  }
}

/** The language to begin with, of those that are offered. */
export function firstLanguage(offered: readonly string[]): string | null {
  return likeliest(offered, remembered("language"), navigator.languages) ?? offered[0] ?? null;
}

function hurry(): void {
  if (document.visibilityState !== "visible") return;
  line?.hurry();
  sound?.touched(); // what the system took away behind a lock screen
}

function touched(): void {
  sound?.touched();
}

function stop(): void {
  line?.close();
  sound?.close();
  line = null;
  sound = null;
  freshUrls = new FreshUrls();
  window.removeEventListener("online", hurry);
  document.removeEventListener("visibilitychange", hurry);
  document.removeEventListener("click", touched);
  document.removeEventListener("keydown", touched);
}

function broken(): void {
  if (get().phase !== "over") set({ phase: "joining", problem: NO_CONNECTION });
}

function join(): void {
  const { sessionId, language } = get();
  if (sessionId === null || language === null) return;
  const since = lastNumber === null ? {} : { sinceSequence: lastNumber };
  const wanted = { sessionId, targetLanguage: language, capabilities: CAPABILITIES };
  line?.send({ action: "joinSession", ...wanted, ...since });
}

function receive(message: ServerMessage): void {
  const { language } = get();
  switch (message.type) {
    case "sessionJoined":
      if (message.targetLanguage === language) joined(message);
      break;
    case "translatedAudio":
      if (message.targetLanguage === language) take(message);
      break;
    case "skipped":
      if ((message.targetLanguage ?? language) === language) {
        take({ ...message, skipped: message.reason });
      }
      break;
    case "partialCaption":
      set(({ lines }) => ({
        partial: stillPartial({ ...message, number: message.sequenceNumber }, lines),
      }));
      break;
    case "broadcastState":
      speakersVolume = message.volume;
      applyVolume();
      set({ state: message.state, ...(message.state === "ended" ? { phase: "over" } : {}) });
      break;
    case "playing":
      sound?.sent(message.sequenceNumber, message.duration);
      break;
    case "clipUrl":
      freshUrls.answer(message.sequenceNumber, message.url);
      break;
    case "error":
      refused(message);
      break;
    default:
      break;
  }
}

function joined(message: Extract<ServerMessage, { type: "sessionJoined" }>): void {
  const { history } = message;
  const isFirst = lastNumber === null;
  const isOtherLanguage = !isFirst && shownLanguage !== message.targetLanguage;
  if (isOtherLanguage) set({ lines: [], partial: null });
  shownLanguage = message.targetLanguage;
  speakersVolume = message.volume ?? 1;
  applyVolume();
  set({
    phase: message.state === "ended" ? "over" : "listening",
    state: message.state,
    sourceLanguage: message.sourceLanguage,
    problem: null,
    ...(message.targetLanguages.length > 0 ? { languages: message.targetLanguages } : {}),
  });
  if (isFirst) {
    // Who comes late reads what was said last and hears what is said from now on.
    for (const past of history) show(past, past.skipped ? "missing" : "past");
    const newest = history.at(-1)?.sequenceNumber ?? null;
    lastNumber = newest ?? -1;
    sound?.startBehind(newest);
  } else {
    // What was missed while there was no connection, or between two languages, is heard.
    for (const missed of history) take(missed);
  }
}

function take(utterance: Utterance): void {
  const isNew = sound?.offer(utterance) ?? false;
  show(utterance, isNew ? "waiting" : "past");
  lastNumber = Math.max(lastNumber ?? -1, utterance.sequenceNumber);
}

function show(utterance: Utterance, state: CaptionState): void {
  const line = {
    number: utterance.sequenceNumber,
    text: utterance.transcript ?? "",
    original: utterance.sourceTranscript ?? "",
    state: utterance.skipped ? ("missing" as const) : state,
  };
  set(({ lines, partial }) => {
    const next = withLine(lines, line);
    return { lines: next, partial: stillPartial(partial, next) };
  });
}

function mark(number: number, state: CaptionState): void {
  set(({ lines }) => ({ lines: withState(lines, number, state) }));
}

function showProgress(now: { behindS: number; rate: number; soundBlocked: boolean }): void {
  const { behindS, rate, soundBlocked } = get();
  const roundedS = Math.round(now.behindS);
  if (roundedS !== behindS || now.rate !== rate || now.soundBlocked !== soundBlocked) {
    set({ behindS: roundedS, rate: now.rate, soundBlocked: now.soundBlocked });
  }
}

function refreshUrl(number: number): Promise<string | null> {
  const { sessionId, language } = get();
  if (sessionId === null || language === null) return Promise.resolve(null);
  const which = { sessionId, targetLanguage: language, sequenceNumber: number };
  return freshUrls.ask(number, () => line?.send({ action: "refreshUrl", ...which }) === true);
}

function refused(error: ErrorMessage): void {
  if (error.action === "refreshUrl") {
    if (error.sequence !== undefined) freshUrls.answer(error.sequence, null);
    return;
  }
  const problem = joinProblem(error, get().sessionId ?? "");
  if (problem === null) return;
  set({ problem: problem.text });
  if (error.action === "changeLanguage" && problem.then === "choose") {
    set({ language: shownLanguage }); // what was heard goes on
    return;
  }
  if (problem.then === "again") {
    setTimeout(join, error.retryAfterMs ?? JOIN_AGAIN_MS);
  } else {
    line?.close();
    set({ phase: problem.then === "over" ? "over" : "asking" });
  }
}

function applyVolume(): void {
  const { volume, muted } = get();
  sound?.output.setVolume(muted ? 0 : volume * speakersVolume);
}
