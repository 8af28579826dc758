import type { LineEvents } from "../protocol/line";
import type { ErrorMessage, ServerMessage, Utterance } from "../protocol/messages";
import type { Words } from "../shared/i18n";
import { listenerLink } from "../shared/session_link";
import { CaptionLog } from "./caption_log";
import {
  beginsWithCaptionsOnly,
  joinMessage,
  keepLanguage,
  keptLanguage,
  likeliest,
} from "./choices";
import { FreshUrls } from "./fresh_urls";
import { Liveness } from "./liveness";
import { joinProblem } from "./join_problem";
import type { ListenerNeeds } from "./listener_needs";
import type { Found } from "./offer";
import { lastToLeaveOut } from "./playback_queue";
import type { Sound, SoundEvents } from "./sound";
import { SoundControls } from "./sound_controls";
import { createListenerStore, type ListenerState, type Looks, type Mode } from "./store";
import type { ListenerLine } from "./track_line";

const JOIN_AGAIN_MS = 1000;
const FIND_AGAIN_MS = 2000;
const NO_SOUND: Words = { id: "sound.none" };

/** Listening from one page: the connection, the captions and the playback put together. What the
 * page shows is in `store`. */
export class ListenerSession {
  readonly store;
  readonly controls: SoundControls;
  /** The session that is asked for; another one may be chosen before there is an answer. */
  private wanted: string | null = null;
  private line: ListenerLine | null = null;
  private sound: Sound | null = null;
  private freshUrls = new FreshUrls();
  /** Lets this listener in again, also when the talk has been locked meanwhile. */
  private seat: string | null = null;
  private readonly captions: CaptionLog;
  private readonly liveness: Liveness;
  /** What was found of the session that is asked for. */
  private offered: Extract<Found, { kind: "found" }> | null = null;

  private readonly soundEvents: SoundEvents = {
    began: (number, isAgain) => {
      this.captions.mark(number, "playing");
      if (isAgain) return; // the lag is that of the first time
      this.line?.send({ action: "heard", sequenceNumber: number, heardAt: this.needs.nowMs() });
    },
    ended: (number) => {
      this.captions.mark(number, "heard");
    },
    passed: (number, reason) => {
      this.captions.mark(number, reason === "left out" ? "heard" : "missing");
    },
    progress: (now) => {
      this.controls.showProgress(now);
    },
    refreshUrl: (number) => this.freshUrls.ask(number, this.get(), this.line),
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

  constructor(readonly needs: ListenerNeeds) {
    this.store = createListenerStore(needs.memory);
    this.captions = new CaptionLog(this.store);
    this.controls = new SoundControls(this.store, needs.memory, () => needs.listOutputs());
    this.liveness = new Liveness(this.store, () => needs.nowMs());
  }

  /** Find a session and ask for a language, unless one was chosen for it before. */
  async enter(sessionId: string, key: string | null = null): Promise<void> {
    this.wanted = sessionId;
    this.set({ problem: null, key, needsCode: false, accessCode: null });
    const found = await this.needs.findSession(sessionId, key);
    if (this.wanted !== sessionId) return; // another one was chosen meanwhile
    switch (found.kind) {
      case "none":
        this.set({ problem: { id: "join.none", values: { name: sessionId } } });
        break;
      case "unreachable":
        this.set({ problem: { id: "join.unreachable" } });
        setTimeout(() => {
          if (this.wanted === sessionId) void this.enter(sessionId, key);
        }, FIND_AGAIN_MS);
        break;
      case "found":
        this.come(sessionId, found);
        break;
    }
  }

  /** The page's address names no session, though it should. */
  cannotEnter(): void {
    this.set({ problem: { id: "join.badLink" } });
  }

  /** Join in the language that was chosen from those that are offered, or wait in a room for a
   * talk; what was said in the last one can still be read. */
  choose(language: string): void {
    const { sessionId, room } = this.get();
    this.needs.memory.set("language", language);
    if (room !== null) {
      if (room.sessionId !== null) this.listen(room.sessionId, language);
      else this.set({ phase: "waiting", language });
      this.line ??= this.needs.openLine(this.lineEvents);
    } else if (sessionId !== null) {
      keepLanguage(this.needs.memory, sessionId, language);
      if (this.offered?.ended === true) this.set({ phase: "over", state: "ended", language });
      else this.listen(sessionId, language);
    }
  }

  setLooks(looks: Partial<Looks>): void {
    for (const [name, value] of Object.entries(looks)) this.needs.memory.set(name, String(value));
    this.set(looks);
  }

  /** With sound, with captions, or with both. */
  setMode(mode: Mode): void {
    this.needs.memory.set("mode", mode);
    const hadSound = this.get().mode !== "captions";
    const hasSound = mode !== "captions";
    this.set({ mode, isSlow: false });
    if (hadSound === hasSound) return;
    const { sessionId, language, continuous, phase } = this.get();
    const isIn = phase === "joining" || phase === "listening";
    if (continuous && isIn && sessionId !== null && language !== null) {
      this.listen(sessionId, language);
      return;
    }
    if (this.get().phase === "listening") this.join(); // sound in messages, or no voice at all
    this.sound?.setWanted(hasSound);
    if (hasSound) void this.sound?.startSound();
  }

  /** Play a sentence once more; its utterances by number. */
  async replay(numbers: readonly number[]): Promise<void> {
    const known = this.captions.clipsOf(numbers);
    if (known.length === 0) return;
    if (this.get().paused) await this.controls.pause(false);
    await this.sound?.replay(known);
  }

  /** Join, or change over from another session. */
  listen(sessionId: string, language: string): void {
    const goesOn = sessionId === this.get().sessionId && language === this.captions.language;
    this.stop();
    if (!goesOn) this.captions.clear();
    this.liveness.begin();
    this.set({ phase: "joining", sessionId, language, problem: null });
    if (beginsWithCaptionsOnly(this.needs.memory, this.needs.isSlow)) {
      this.set({ mode: "captions", isSlow: true });
    }
    const { continuous, mode } = this.get();
    if (continuous && mode !== "captions") this.openTrack(sessionId, language);
    else this.openClips();
    this.sound?.startBehind(this.captions.completeUntil(language));
    this.controls.use(this.sound);
  }

  private openClips(): void {
    this.sound = this.needs.createPlayback(this.soundEvents);
    this.set({ hasNoSound: this.sound === null });
    if (this.sound === null) this.set({ problem: NO_SOUND });
    this.sound?.setWanted(this.get().mode !== "captions");
    if (this.get().mode !== "captions") void this.sound?.startSound();
    this.line = this.needs.openLine(this.lineEvents);
  }

  private openTrack(sessionId: string, language: string): void {
    const player = this.needs.createTrackSound(this.soundEvents);
    this.sound = player;
    const { key, accessCode } = this.get();
    const which = { sessionId, key, accessCode, seat: this.seat };
    this.line = this.needs.openTrackLine(which, language, {
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
    const { sessionId, phase } = this.get();
    if (sessionId === null || language === this.get().language) return;
    keepLanguage(this.needs.memory, sessionId, language);
    this.set({ language, problem: null });
    this.sound?.changeLanguage();
    // Not connected: the next join asks for it.
    const isSent = this.line?.send({
      action: "changeLanguage",
      sessionId,
      targetLanguage: language,
    });
    if (isSent !== true && phase === "over" && this.offered?.ended !== true) {
      this.listen(sessionId, language);
    }
  }

  leave(): void {
    this.stop();
    this.wanted = null;
    this.needs.memory.set("joined", "");
    this.needs.showAddress("/listen");
    this.seat = null;
    this.set({ phase: "asking", problem: null, key: null });
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
    this.controls.use(null);
    this.freshUrls = new FreshUrls();
    this.liveness.stop();
  }

  private broken(): void {
    if (this.get().phase === "over") return;
    this.set({ phase: "joining" });
    this.liveness.connectionLost();
  }

  private join(): void {
    const since = this.captions.completeUntil(this.get().language);
    const wanted = joinMessage(this.get(), since, this.seat);
    if (wanted !== null) this.line?.send(wanted);
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
        this.liveness.speech("partial");
        this.captions.showPartial({ ...message, number: message.sequenceNumber });
        break;
      case "translatedCaption":
        this.liveness.speech("partial");
        if (message.targetLanguage === language) {
          this.captions.showReleased({ ...message, number: message.sequenceNumber });
        }
        break;
      case "broadcastState":
        this.controls.setSpeakersVolume(message.volume);
        this.liveness.toldBy(message.speaker);
        this.set({ state: message.state, ...(message.state === "ended" ? { phase: "over" } : {}) });
        break;
      case "talkState":
        this.liveness.toldBy(message.state === "speakerAway" ? "away" : "here");
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
    const isComing = this.get().phase !== "listening" || this.captions.language !== language;
    if (!isComing && this.captions.isToAsk(this.needs.nowMs())) this.join();
  }

  private joined(message: Extract<ServerMessage, { type: "sessionJoined" }>): void {
    const { history, targetLanguage } = message;
    const newest = history.at(-1)?.sequenceNumber ?? null;
    const isFirst = this.captions.language === null;
    if (this.captions.language !== targetLanguage) this.captions.begin(targetLanguage, newest);
    this.seat = message.seat ?? null;
    this.controls.setSpeakersVolume(message.volume ?? 1);
    this.liveness.toldBy(message.speaker);
    this.liveness.connected();
    this.set({
      phase: message.state === "ended" ? "over" : "listening",
      state: message.state,
      sourceLanguage: message.sourceLanguage,
      problem: this.get().hasNoSound ? NO_SOUND : null,
    });
    if (message.targetLanguages.length > 0) this.offer(message.targetLanguages);
    if (isFirst) {
      // Who comes late reads what was said last and hears what is said from now on.
      for (const past of history) this.captions.show(past, past.skipped ? "missing" : "past");
      this.sound?.startBehind(newest);
    } else {
      // What was missed while there was no connection, or between two languages, is heard, unless
      // it is too much.
      this.sound?.startBehind(lastToLeaveOut(history));
      for (const missed of history) this.take(missed);
    }
  }

  private take(utterance: Utterance): void {
    this.liveness.speech("utterance");
    const isNew = this.sound?.offer(utterance) ?? false;
    this.captions.show(utterance, isNew ? "waiting" : "past");
  }

  private refused(error: ErrorMessage): void {
    if (error.action === "refreshUrl") {
      if (error.sequence !== undefined) this.freshUrls.answer(error.sequence, null);
      return;
    }
    const { sessionId, accessCode } = this.get();
    const problem = joinProblem(error, sessionId ?? "", accessCode);
    if (problem === null) return;
    const isIn = this.get().phase === "listening" && error.action === "joinSession";
    if (!isIn || problem.then !== "again") this.set({ problem: problem.words });
    if (error.action === "changeLanguage" && problem.then === "choose") {
      this.set({ language: this.captions.language }); // what was heard goes on
      return;
    }
    if (problem.then === "again") {
      const waitMs = error.retryAfterMs ?? problem.afterMs ?? JOIN_AGAIN_MS;
      setTimeout(() => {
        this.join();
      }, waitMs);
    } else {
      this.line?.close();
      const needsCode = problem.then === "code";
      this.set({ phase: problem.then === "over" ? "over" : "asking", needsCode });
    }
  }

  private come(sessionId: string, found: Extract<Found, { kind: "found" }>): void {
    this.offered = found;
    if (found.languages.length === 0) {
      this.set({ problem: { id: "join.noLanguage" } });
      return;
    }
    this.needs.showAddress(listenerLink("", sessionId, this.get().key));
    const { sourceLanguage } = found;
    this.set({ phase: "choosing", sessionId, sourceLanguage, language: null });
    this.captions.clear();
    this.offer(found.languages);
    const language = keptLanguage(this.needs.memory, sessionId, found.languages);
    if (language !== null) this.choose(language); // the page was loaded anew
  }

  /** Let these be chosen from, the likeliest first. */
  offer(languages: readonly string[]): void {
    this.set(likeliest(languages, this.needs.memory, this.needs.preferred()));
  }

  private get(): ListenerState {
    return this.store.getState();
  }

  private set(changes: Partial<ListenerState>): void {
    this.store.setState(changes);
  }
}
