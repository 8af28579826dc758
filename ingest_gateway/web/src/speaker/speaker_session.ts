import type { Microphone } from "../audio/microphone";
import type { Words } from "../shared/i18n";
import { listenerLink, type SecretPlace } from "../shared/session_link";
import type * as pool from "../shared/sign_in";
import * as account from "./account";
import { EndedTalk } from "./ended_talk";
import type { OpenTalk } from "./open_talk";
import { OwnerControls } from "./owner_controls";
import { inWords, refusalInWords } from "./refusal_in_words";
import type { SpeakerNeeds } from "./speaker_needs";
import { createSpeakerStore, NO_TALK, withOwnLine, type SpeakerState } from "./store";
import type { Speaking, TalkLink } from "./talk_link";

const STATUS_EVERY_MS = 4000;
/** Nobody is given a token here, or not this one: a person has to bring one. */
const NO_TOKEN = new Set(["FORBIDDEN", "UNAUTHORIZED", "HTTP_404"]);
const NO_SAMPLES: Words = { id: "microphone.gone" };
const STAND_IN: Words = { id: "microphone.standIn" };
/** Names of errors: the microphone that was chosen once is not plugged in. */
const NOT_THERE = new Set(["NotFoundError", "OverconstrainedError"]);
const HELD: Words = { id: "microphone.held" };
const TALK_OVER: Words = { id: "problem.talkOver" };
const BAD_LINK: Words = { id: "problem.badLink" };

type Choice = "source" | "microphone" | "chunkSamples" | "way";

interface Talk {
  readonly link: TalkLink;
  readonly asking: ReturnType<typeof setInterval>;
  microphone: Microphone | null;
  wakeLock: WakeLockSentinel | null;
  /** Of choices of a microphone: only the last one counts. */
  turn: number;
  /** The microphone went away in mid-talk: taken back as soon as it is there again. */
  hasLost: boolean;
}

/** Speaking from one page: the microphone, the connection and the protocol put together. What the
 * page shows is in `store`. */
export class SpeakerSession {
  readonly store;
  readonly owner: OwnerControls;
  readonly ended: EndedTalk;
  private talk: Talk | null = null;
  private publicUrl: string | null = null;
  private binaryFrames = true;
  /** Where people sign in for a token; null: there is no such place. */
  private signInAt: pool.SignIn | null = null;

  constructor(private readonly needs: SpeakerNeeds) {
    this.store = createSpeakerStore(needs.memory);
    this.owner = new OwnerControls(this.store, {
      account: needs.account,
      openTalk: () => this.openNow(),
      linkOf: (talk, key) => listenerLink(this.publicUrl ?? needs.origin, talk.sessionId, key),
      keep: (talk) => {
        needs.openTalk.keep(talk);
      },
    });
    this.ended = new EndedTalk(this.store, needs.account, (token) => this.currentToken(token));
  }

  get isSpeaking(): boolean {
    return this.talk !== null;
  }

  /** Ask what there is to choose from, and whether a talk was left open. */
  async prepare(): Promise<void> {
    await this.refreshMicrophones();
    const { place } = this.needs;
    if (place !== null) {
      await this.prepareTalk(place);
      return;
    }
    const left = this.needs.openTalk.kept();
    if (left !== null && (await this.needs.account.isGoingOn(left.sessionId, left.token))) {
      this.set({ resumable: left.sessionId });
    }
    try {
      const offer = await this.needs.account.fetchOffer();
      this.publicUrl = offer.publicUrl;
      this.binaryFrames = offer.binaryFrames;
      this.signInAt = offer.signIn;
      const [sources, { source }] = [Object.keys(offer.languages), this.store.getState()];
      const usual = sources.includes(source) ? source : (sources[0] ?? source);
      this.set({ sources, source: usual, trustUrl: offer.trustUrl ?? null });
      if (this.signInAt !== null) await this.needs.pool.finishSignIn(this.signInAt);
    } catch (error) {
      this.set({ problem: inWords(error) });
    }
    await this.lookAtAccount();
  }

  /** The link is all that is needed: nobody signs in, and a reloaded page takes the stage again. */
  private async prepareTalk(place: SecretPlace): Promise<void> {
    try {
      const offer = await this.needs.account.fetchOffer();
      this.publicUrl = offer.publicUrl;
      this.binaryFrames = offer.binaryFrames;
      const sheet = await this.needs.account.fetchTalk(place);
      const isOver = sheet.endedAt !== null;
      this.set({ sheet, source: sheet.language, problem: isOver ? TALK_OVER : null });
    } catch (error) {
      const isWrong = error instanceof account.RefusedError && error.code === "UNAUTHORIZED";
      this.set({ problem: isWrong ? BAD_LINK : inWords(error) });
    }
  }

  /** Keep a choice of the person's, also for the next time. */
  choose<C extends Choice>(name: C, value: SpeakerState[C]): void {
    this.needs.memory.set(name, String(value));
    this.set({ [name]: value });
  }

  /** Leave for the page where people sign in; it sends them back here. */
  async signIn(): Promise<void> {
    if (this.signInAt === null) return;
    await this.needs.pool.beginSignIn(this.signInAt).catch((error: unknown) => {
      this.set({ problem: inWords(error) });
    });
  }

  signOut(): void {
    if (this.signInAt !== null) this.needs.pool.signOut(this.signInAt);
  }

  /** `token`: typed by a person where the gateway gives none. */
  start(token: string): Promise<void> {
    const { place } = this.needs;
    return this.speakInto(async () => {
      const { source } = this.store.getState();
      if (place !== null) {
        const sessionId = await this.needs.account.takeStage(place);
        return { sessionId, key: null, token: account.linkToken(place), source };
      }
      const allowed = token || (await this.givenToken());
      const created = await this.needs.account.createSession(source, allowed);
      const key = created.listeningKey ?? null;
      return { sessionId: created.sessionId, key, token: allowed, source };
    });
  }

  /** Go on with the talk that this tab left open. */
  resumeTalk(): Promise<void> {
    return this.speakInto(() => {
      const left = this.needs.openTalk.kept();
      if (left === null) {
        throw new account.RefusedError("NOT_OPEN", "That talk is not open any more.");
      }
      return Promise.resolve(left);
    });
  }

  async switchMicrophone(deviceId: string): Promise<void> {
    this.choose("microphone", deviceId);
    if (this.talk !== null) await this.takeUp(this.talk, deviceId, false);
  }

  pause(paused: boolean): void {
    if (this.talk === null) return;
    this.talk.link.pause(paused);
    this.set({ state: paused ? "paused" : "live" });
  }

  mute(muted: boolean): void {
    if (this.talk === null) return;
    this.talk.link.mute(muted);
    this.set({ state: muted ? "muted" : "live" });
  }

  setVolume(volume: number): void {
    this.set({ volume });
    this.talk?.link.setVolume(volume);
  }

  /** The last words go out before the end does. */
  async end(): Promise<void> {
    const ending = this.talk;
    await ending?.microphone?.stop();
    await ending?.link.end();
  }

  /** The loudest sample of the last moments, in [0, 1]. */
  level(): number {
    return this.talk?.microphone?.level() ?? 0;
  }

  /** The network may be back. */
  hurry(): void {
    this.talk?.link.hurry();
  }

  /** The page is touched: take the sound up where that is allowed only now. */
  touched(): void {
    this.talk?.microphone?.goOn();
  }

  /** Back from the background: whatever the browser let go of meanwhile is taken up again. */
  lookedAt(): void {
    if (this.talk === null) return;
    this.talk.link.hurry();
    this.talk.microphone?.goOn();
    void this.stayAwake(this.talk);
    void this.refreshMicrophones();
  }

  /** Also: what went away in mid-talk may be back. */
  async refreshMicrophones(): Promise<void> {
    const found = await this.needs.listDevices("audioinput");
    this.set({
      microphones: found.map(({ deviceId, label }) => ({ id: deviceId, label })),
    });
    const { talk } = this;
    if (talk?.hasLost !== true) return;
    const { microphone: chosen } = this.store.getState();
    if (found.some(({ deviceId }) => deviceId === chosen)) await this.takeUp(talk, chosen, false);
    else if (talk.microphone === null && found.length > 0) await this.takeUp(talk, "", true);
  }

  /** Speak by this microphone from now on; `standsIn`: for the one that went away. */
  private async takeUp(mine: Talk, deviceId: string, standsIn: boolean): Promise<void> {
    const turn = (mine.turn += 1);
    const before = mine.microphone;
    mine.microphone = null;
    mine.link.useTrack(null);
    await before?.stop();
    const isCurrent = () => this.talk === mine && mine.turn === turn;
    try {
      const opened = await this.listenTo(deviceId);
      if (!isCurrent()) {
        await opened.stop(); // the talk is over, or another one was chosen meanwhile
        return;
      }
      mine.microphone = opened;
      mine.hasLost = standsIn;
      mine.link.useTrack(opened.track);
      this.set({ problem: standsIn ? STAND_IN : null });
    } catch (error) {
      if (isCurrent()) this.set({ problem: standsIn ? NO_SAMPLES : inWords(error) });
    }
  }

  private set(changes: Partial<SpeakerState>): void {
    this.store.setState(changes);
  }

  private async speakInto(which: () => Promise<OpenTalk>): Promise<void> {
    this.set({ ...NO_TALK, phase: "starting" });
    let microphone: Microphone | null = null;
    try {
      // The microphone first: without it, no session is left behind.
      microphone = await this.listenToChosen();
      const open = await which();
      this.needs.openTalk.keep(open);
      this.talk = await this.open(open, microphone);
      const { sessionId, source, key } = open;
      const base = this.publicUrl ?? this.needs.origin;
      const { sheet } = this.store.getState();
      const link = sheet === null ? listenerLink(base, sessionId, key) : base + sheet.listenerLink;
      this.set({ phase: "speaking", needsToken: false, resumable: null, source, sessionId, link });
      void this.refreshMicrophones(); // their names are told once one of them may be used
      await this.stayAwake(this.talk);
    } catch (error) {
      await microphone?.stop();
      const isRefused = error instanceof account.RefusedError && NO_TOKEN.has(error.code);
      if (isRefused && this.signInAt !== null) this.set({ account: "signed out" });
      const needsToken = (isRefused && this.signInAt === null) || this.store.getState().needsToken;
      this.set({ phase: "ready", needsToken, problem: inWords(error) });
    }
  }

  private async open({ sessionId, token }: OpenTalk, microphone: Microphone): Promise<Talk> {
    const speaking: Speaking = {
      sessionId,
      token: () => this.currentToken(token),
      binaryFrames: this.binaryFrames,
      events: {
        report: (changes) => {
          this.set(changes);
        },
        ownWords: (number, text, final) => {
          const { ownLines } = this.store.getState();
          this.set({ ownLines: withOwnLine(ownLines, { number, text, final }) });
        },
        joinAgain: () => undefined, // its link does
        over: (problem) => {
          this.close(problem === null ? null : refusalInWords(problem));
        },
      },
    };
    const isByWebRtc = this.store.getState().way === "webrtc";
    const link = isByWebRtc
      ? await this.needs.openWhipLink(speaking, microphone.track)
      : this.needs.openSocketLink(speaking);
    const asking = setInterval(() => {
      link.askStatus();
    }, STATUS_EVERY_MS);
    return { link, asking, microphone, wakeLock: null, turn: 0, hasLost: false };
  }

  private close(problem: Words | null): void {
    const over = this.talk;
    this.talk = null;
    if (over === null) return;
    const ended = this.needs.openTalk.kept();
    this.needs.openTalk.keep(null);
    clearInterval(over.asking);
    over.link.close();
    void over.microphone?.stop();
    letSleep(over.wakeLock);
    this.set({ phase: "over", problem });
    this.ended.keep(ended);
  }

  /** The system's own choice where the one that was chosen once is not there today. */
  private async listenToChosen(): Promise<Microphone> {
    const { microphone } = this.store.getState();
    try {
      return await this.listenTo(microphone);
    } catch (error) {
      const name = error instanceof Error || error instanceof DOMException ? error.name : "";
      if (microphone === "" || !NOT_THERE.has(name)) throw error;
      return this.listenTo("");
    }
  }

  private listenTo(deviceId: string): Promise<Microphone> {
    return this.needs.openMicrophone({
      deviceId,
      chunkSamples: this.store.getState().chunkSamples,
      onChunk: (samples, timestampMs) => this.talk?.link.speak(samples, timestampMs),
      onLost: () => {
        this.set({ problem: NO_SAMPLES });
        if (this.talk === null) return;
        // A speaker who looks at the audience does not see it: any microphone is better than none.
        this.talk.hasLost = true;
        void this.takeUp(this.talk, "", true);
      },
      onHeld: (isHeld) => {
        if (isHeld) this.set({ problem: HELD });
        else if (this.store.getState().problem === HELD) this.set({ problem: null });
      },
    });
  }

  private async lookAtAccount(): Promise<void> {
    if (this.signInAt === null) return;
    const token = await this.needs.pool.signedInToken(this.signInAt);
    this.set({ account: token === null ? "signed out" : "signed in" });
  }

  private async openNow(): Promise<OpenTalk | null> {
    const open = this.needs.openTalk.kept();
    return open && { ...open, token: await this.currentToken(open.token) };
  }

  /** Of the account, while a speaker is signed in; otherwise the one that the talk began with. */
  private async currentToken(otherwise: string): Promise<string> {
    return (this.signInAt && (await this.needs.pool.signedInToken(this.signInAt))) ?? otherwise;
  }

  /** Throws RefusedError. */
  private async givenToken(): Promise<string> {
    if (this.signInAt === null) return this.needs.account.fetchToken(this.ownName());
    const token = await this.needs.pool.signedInToken(this.signInAt);
    if (token !== null) return token;
    this.set({ account: "signed out" });
    throw new account.RefusedError("SIGNED_OUT", "Sign in before you speak.");
  }

  /** The same speaker after the page was loaded anew. */
  private ownName(): string {
    const name = this.needs.memory.get("speaker") ?? `speaker-${crypto.randomUUID()}`;
    this.needs.memory.set("speaker", name);
    return name;
  }

  /** The browser lets a screen sleep again whenever its page is not looked at. */
  private async stayAwake(mine: Talk): Promise<void> {
    if (mine.wakeLock?.released === false) return;
    const lock = await this.needs.lockScreen();
    if (this.talk === mine) mine.wakeLock = lock;
    else letSleep(lock);
  }
}

function letSleep(lock: WakeLockSentinel | null): void {
  lock?.release().catch(() => undefined);
}
