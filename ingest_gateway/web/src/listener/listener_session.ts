import { Line, socketUrl, type LineEvents } from "../protocol/line";
import type { ErrorMessage, ServerMessage, Utterance } from "../protocol/messages";
import { likeliest } from "../shared/languages";
import { BROWSER_MEMORY, type Memory } from "../shared/remembered";
import { stillPartial, withLine, withState, type CaptionState } from "./captions";
import { FreshUrls } from "./fresh_urls";
import { joinProblem } from "./join_problem";
import { findSession } from "./offer";
import { Playback } from "./playback";
import type { Sound, SoundEvents } from "./sound";
import { createListenerStore, type ListenerState } from "./store";
import { TrackLine, type ListenerLine, type TrackEvents } from "./track_line";
import { TrackSound } from "./track_sound";

const JOIN_AGAIN_MS = 1000;
const FIND_AGAIN_MS = 2000;
const CAPABILITIES = ["inlineAudio", "partialCaptions"];
const NO_CONNECTION = "No connection: trying again. What you missed will be made up for.";
const NO_OUTPUT = "That device cannot be played on. The sound stays where it was.";

/** What a session needs of the browser and of the gateway. */
export interface ListenerNeeds {
  readonly memory: Memory;
  /** Languages that the browser is set to, the dearest first. */
  preferred(): readonly string[];
  findSession: typeof findSession;
  openLine(events: LineEvents): ListenerLine;
  openTrackLine(sessionId: string, language: string, events: TrackEvents): ListenerLine;
  createPlayback(events: SoundEvents): Sound;
  createTrackSound(events: SoundEvents): Sound & Pick<TrackSound, "play">;
  showAddress(path: string): void;
  nowMs(): number;
}

export function browserNeeds(): ListenerNeeds {
  return {
    memory: BROWSER_MEMORY,
    preferred: () => navigator.languages,
    findSession,
    openLine: (events) => new Line(socketUrl(location.origin), null, events),
    openTrackLine: (sessionId, language, events) => new TrackLine(sessionId, language, events),
    createPlayback: (events) => new Playback(events),
    createTrackSound: (events) => new TrackSound(events),
    showAddress: (path) => {
      history.replaceState(null, "", path);
    },
    nowMs: Date.now,
  };
}

/** Listening from one page: the connection, the captions and the playback put together. What the
 * page shows is in `store`. */
export class ListenerSession {
  readonly store;
  /** The session that is asked for; another one may be chosen before there is an answer. */
  private wanted: string | null = null;
  /** The speaker's volume, on top of which a listener has their own. */
  private speakersVolume = 1;
  private line: ListenerLine | null = null;
  private sound: Sound | null = null;
  /** The last number that came in this language; null: nothing yet. */
  private lastNumber: number | null = null;
  /** Of the lines on the page; another one than chosen until the gateway has answered. */
  private shownLanguage: string | null = null;
  private freshUrls = new FreshUrls();

  private readonly soundEvents: SoundEvents = {
    began: (number) => {
      this.mark(number, "playing");
      this.line?.send({ action: "heard", sequenceNumber: number, heardAt: this.needs.nowMs() });
    },
    ended: (number) => {
      this.mark(number, "heard");
    },
    passed: (number, reason) => {
      this.mark(number, reason === "left out" ? "heard" : "missing");
    },
    progress: (now) => {
      this.showProgress(now);
    },
    refreshUrl: (number) => this.refreshUrl(number),
  };

  private readonly lineEvents: LineEvents = {
    opened: () => {
      this.join();
    },
    received: (message) => {
      this.receive(message);
    },
    broken: () => {
      this.broken();
    },
  };

  constructor(private readonly needs: ListenerNeeds) {
    this.store = createListenerStore(needs.memory);
  }

  /** Find a session and join it in the language that the listener most likely wants. */
  async enter(sessionId: string): Promise<void> {
    this.wanted = sessionId;
    this.set({ problem: null });
    const found = await this.needs.findSession(sessionId);
    if (this.wanted !== sessionId) return; // another one was chosen meanwhile
    switch (found.kind) {
      case "none":
        this.set({ problem: `There is no talk called “${sessionId}”. Look at its name again.` });
        break;
      case "unreachable":
        this.set({ problem: "The service cannot be reached. Trying again …" });
        setTimeout(() => {
          if (this.wanted === sessionId) void this.enter(sessionId);
        }, FIND_AGAIN_MS);
        break;
      case "found":
        this.come(sessionId, found.languages, found.ended);
        break;
    }
  }

  /** The page's address names no session, though it should. */
  cannotEnter(): void {
    this.set({ problem: "This link names no talk." });
  }

  setShowOriginal(showOriginal: boolean): void {
    this.needs.memory.set("showOriginal", String(showOriginal));
    this.set({ showOriginal });
  }

  setOutputs(outputs: ListenerState["outputs"]): void {
    this.set({ outputs });
  }

  /** Join, or change over from another session. */
  listen(sessionId: string, language: string): void {
    this.stop();
    this.lastNumber = null;
    this.needs.memory.set("language", language);
    this.set({ phase: "joining", sessionId, language, problem: null, lines: [], partial: null });
    if (this.get().continuous) this.openTrack(sessionId, language);
    else this.openClips();
    this.applyVolume();
    void this.sound?.output.setOutput(this.get().output).catch(() => undefined);
  }

  private openClips(): void {
    this.sound = this.needs.createPlayback(this.soundEvents);
    void this.sound.startSound();
    this.line = this.needs.openLine(this.lineEvents);
  }

  private openTrack(sessionId: string, language: string): void {
    const player = this.needs.createTrackSound(this.soundEvents);
    this.sound = player;
    this.line = this.needs.openTrackLine(sessionId, language, {
      ...this.lineEvents,
      track: (receiver) => {
        player.play(receiver);
      },
      keptOut: () => {
        this.set({ continuous: false, isTrackKeptOut: true });
        this.listen(sessionId, this.get().language ?? language);
      },
    });
  }

  /** Clips, which can catch up and wait, or one track, which goes on behind a lock screen. */
  setContinuous(continuous: boolean): void {
    this.needs.memory.set("continuous", String(continuous));
    this.set({ continuous, isTrackKeptOut: false, paused: false });
    const { sessionId, language, phase } = this.get();
    if (sessionId !== null && language !== null && phase !== "over")
      this.listen(sessionId, language);
  }

  changeLanguage(language: string): void {
    this.needs.memory.set("language", language);
    const { sessionId, phase } = this.get();
    if (sessionId === null || language === this.get().language) return;
    this.set({ language, problem: null });
    this.sound?.changeLanguage();
    // Not connected: the next join asks for it.
    const isSent = this.line?.send({
      action: "changeLanguage",
      sessionId,
      targetLanguage: language,
    });
    if (isSent !== true && phase === "over") this.listen(sessionId, language);
  }

  leave(): void {
    this.stop();
    this.needs.showAddress("/listen");
    this.set({ phase: "asking", problem: null });
  }

  async startSound(): Promise<void> {
    await this.sound?.startSound();
  }

  async pause(paused: boolean): Promise<void> {
    this.set({ paused });
    await this.sound?.pause(paused);
  }

  async jumpToLive(): Promise<void> {
    this.sound?.jumpToLive();
    if (this.get().paused) await this.pause(false);
  }

  setVolume(volume: number): void {
    this.needs.memory.set("listenerVolume", String(volume));
    this.set({ volume });
    this.applyVolume();
  }

  setMuted(muted: boolean): void {
    this.needs.memory.set("listenerMuted", String(muted));
    this.set({ muted });
    this.applyVolume();
  }

  async setOutput(output: string): Promise<void> {
    const before = this.get().output;
    this.set({ output });
    if (this.get().problem === NO_OUTPUT) this.set({ problem: null });
    try {
      await this.sound?.output.setOutput(output);
      this.needs.memory.set("output", output);
    } catch {
      this.set({ output: before, problem: NO_OUTPUT });
    }
  }

  /** The language to begin with, of those that are offered. */
  private firstLanguage(offered: readonly string[]): string | null {
    const last = this.needs.memory.get("language");
    return likeliest(offered, last, this.needs.preferred()) ?? offered[0] ?? null;
  }

  hurry(): void {
    this.line?.hurry();
    this.sound?.touched(); // what the system took away behind a lock screen
  }

  touched(): void {
    this.sound?.touched();
  }

  private stop(): void {
    this.line?.close();
    this.sound?.close();
    this.line = null;
    this.sound = null;
    this.freshUrls = new FreshUrls();
  }

  private broken(): void {
    if (this.get().phase !== "over") this.set({ phase: "joining", problem: NO_CONNECTION });
  }

  private join(): void {
    const { sessionId, language } = this.get();
    if (sessionId === null || language === null) return;
    const since = this.lastNumber === null ? {} : { sinceSequence: this.lastNumber };
    const wanted = { sessionId, targetLanguage: language, capabilities: CAPABILITIES };
    this.line?.send({ action: "joinSession", ...wanted, ...since });
  }

  private receive(message: ServerMessage): void {
    const { language } = this.get();
    switch (message.type) {
      case "sessionJoined":
        if (message.targetLanguage === language) this.joined(message);
        break;
      case "translatedAudio":
        if (message.targetLanguage === language) this.take(message);
        break;
      case "skipped":
        if ((message.targetLanguage ?? language) === language) {
          this.take({ ...message, skipped: message.reason });
        }
        break;
      case "partialCaption":
        this.set(({ lines }) => ({
          partial: stillPartial({ ...message, number: message.sequenceNumber }, lines),
        }));
        break;
      case "broadcastState":
        this.speakersVolume = message.volume;
        this.applyVolume();
        this.set({ state: message.state, ...(message.state === "ended" ? { phase: "over" } : {}) });
        break;
      case "playing":
        this.sound?.sent(message.sequenceNumber, message.duration);
        break;
      case "clipUrl":
        this.freshUrls.answer(message.sequenceNumber, message.url);
        break;
      case "error":
        this.refused(message);
        break;
      default:
        break;
    }
  }

  private joined(message: Extract<ServerMessage, { type: "sessionJoined" }>): void {
    const { history } = message;
    const isFirst = this.lastNumber === null;
    const isOtherLanguage = !isFirst && this.shownLanguage !== message.targetLanguage;
    if (isOtherLanguage) this.set({ lines: [], partial: null });
    this.shownLanguage = message.targetLanguage;
    this.speakersVolume = message.volume ?? 1;
    this.applyVolume();
    this.set({
      phase: message.state === "ended" ? "over" : "listening",
      state: message.state,
      sourceLanguage: message.sourceLanguage,
      problem: null,
      ...(message.targetLanguages.length > 0 ? { languages: message.targetLanguages } : {}),
    });
    if (isFirst) {
      // Who comes late reads what was said last and hears what is said from now on.
      for (const past of history) this.show(past, past.skipped ? "missing" : "past");
      const newest = history.at(-1)?.sequenceNumber ?? null;
      this.lastNumber = newest ?? -1;
      this.sound?.startBehind(newest);
    } else {
      // What was missed while there was no connection, or between two languages, is heard.
      for (const missed of history) this.take(missed);
    }
  }

  private take(utterance: Utterance): void {
    const isNew = this.sound?.offer(utterance) ?? false;
    this.show(utterance, isNew ? "waiting" : "past");
    this.lastNumber = Math.max(this.lastNumber ?? -1, utterance.sequenceNumber);
  }

  private show(utterance: Utterance, state: CaptionState): void {
    const line = {
      number: utterance.sequenceNumber,
      text: utterance.transcript ?? "",
      original: utterance.sourceTranscript ?? "",
      state: utterance.skipped ? ("missing" as const) : state,
    };
    this.set(({ lines, partial }) => {
      const next = withLine(lines, line);
      return { lines: next, partial: stillPartial(partial, next) };
    });
  }

  private mark(number: number, state: CaptionState): void {
    this.set(({ lines }) => ({ lines: withState(lines, number, state) }));
  }

  private showProgress(now: { behindS: number; rate: number; soundBlocked: boolean }): void {
    const { behindS, rate, soundBlocked } = this.get();
    const roundedS = Math.round(now.behindS);
    if (roundedS !== behindS || now.rate !== rate || now.soundBlocked !== soundBlocked) {
      this.set({ behindS: roundedS, rate: now.rate, soundBlocked: now.soundBlocked });
    }
  }

  private refreshUrl(number: number): Promise<string | null> {
    const { sessionId, language } = this.get();
    if (sessionId === null || language === null) return Promise.resolve(null);
    const which = { sessionId, targetLanguage: language, sequenceNumber: number };
    return this.freshUrls.ask(
      number,
      () => this.line?.send({ action: "refreshUrl", ...which }) === true,
    );
  }

  private refused(error: ErrorMessage): void {
    if (error.action === "refreshUrl") {
      if (error.sequence !== undefined) this.freshUrls.answer(error.sequence, null);
      return;
    }
    const problem = joinProblem(error, this.get().sessionId ?? "");
    if (problem === null) return;
    this.set({ problem: problem.text });
    if (error.action === "changeLanguage" && problem.then === "choose") {
      this.set({ language: this.shownLanguage }); // what was heard goes on
      return;
    }
    if (problem.then === "again") {
      setTimeout(() => {
        this.join();
      }, error.retryAfterMs ?? JOIN_AGAIN_MS);
    } else {
      this.line?.close();
      this.set({ phase: problem.then === "over" ? "over" : "asking" });
    }
  }

  private applyVolume(): void {
    const { volume, muted } = this.get();
    this.sound?.output.setVolume(muted ? 0 : volume * this.speakersVolume);
  }

  private come(sessionId: string, languages: readonly string[], ended: boolean): void {
    const language = this.firstLanguage(languages);
    if (language === null) {
      this.set({ problem: "This talk cannot be heard in any language here." });
      return;
    }
    this.needs.showAddress(`/listen/${encodeURIComponent(sessionId)}`);
    this.set({ languages });
    if (ended) this.set({ phase: "over", state: "ended", sessionId, language });
    else this.listen(sessionId, language);
  }

  private get(): ListenerState {
    return this.store.getState();
  }

  private set(
    changes: Partial<ListenerState> | ((state: ListenerState) => Partial<ListenerState>),
  ): void {
    this.store.setState(changes);
  }
}
