import type { Utterance } from "../protocol/messages";
import { loadClip } from "./clip_loader";
import { ClipPlayer } from "./clip_player";
import { PlaybackQueue, rateFor } from "./playback_queue";
import type { Sound, SoundEvents } from "./sound";

const TICK_MS = 100;
/** Without sound (blocked, or the tab asleep) no more than this waits to be heard. */
const KEPT_WHILE_BLOCKED_S = 6;

/** Loads clips ahead of their turn and plays them in order. Waits are measured by a clock that
 * nobody sets: a phone's own may be put back by an hour in mid-talk. */
export class Playback implements Sound {
  private queue = new PlaybackQueue();
  private readonly player: ClipPlayer;
  private readonly clips = new Map<number, Utterance>();
  private readonly samples = new Map<number, Float32Array<ArrayBuffer>>();
  private readonly ticking: ReturnType<typeof setInterval>;
  private rate = 1;
  private paused = false;
  private isWanted = true;
  /** Of sentences to hear again: only the last one counts. */
  private replays = 0;
  /** Loads of an earlier language end in nothing. */
  private generation = 0;

  constructor(private readonly events: SoundEvents) {
    this.player = new ClipPlayer({
      began: (number, isAgain) => {
        events.began(number, isAgain);
      },
      ended: (number) => {
        events.ended(number);
      },
    });
    this.ticking = setInterval(() => {
      this.tick();
    }, TICK_MS);
  }

  get output(): Pick<ClipPlayer, "setVolume" | "setOutput"> {
    return this.player;
  }

  offer(utterance: Utterance): boolean {
    const number = utterance.sequenceNumber;
    if (!this.isWanted) {
      this.queue.startBehind(number);
      return false;
    }
    const previous = utterance.previousSequenceNumber ?? null;
    const hasClip = !utterance.skipped && (utterance.url ?? utterance.audio) !== undefined;
    if (!hasClip) return this.queue.offerSkip(number, previous, performance.now());
    // A clip out of the history may not say how long it is: the original's length is near.
    const durationS = utterance.duration ?? utterance.sourceDuration ?? 0;
    if (!this.queue.offerClip(number, previous, durationS, performance.now())) return false;
    this.clips.set(number, utterance);
    this.load();
    return true;
  }

  sent(): void {
    // Clips come whole, and are played from here.
  }

  startBehind(number: number | null): void {
    for (const left of this.queue.startBehind(number)) {
      this.samples.delete(left);
      this.clips.delete(left);
      this.events.passed(left, "left out");
    }
  }

  touched(): void {
    if (!this.paused && this.player.isBlocked) void this.startSound();
  }

  /** Another language: what is heard now may end, the rest is let go. */
  changeLanguage(): void {
    this.generation++;
    this.player.drop("upcoming");
    for (const number of this.queue.clear()) this.events.passed(number, "left out");
    this.clips.clear();
    this.samples.clear();
  }

  setWanted(isWanted: boolean): void {
    if (isWanted === this.isWanted) return;
    this.isWanted = isWanted;
    if (isWanted) return;
    this.replays++;
    this.player.drop("all");
    const left = [...this.clips.keys()];
    for (const number of this.queue.clear()) this.events.passed(number, "left out");
    this.queue.startBehind(left.length > 0 ? Math.max(...left) : null);
    this.clips.clear();
    this.samples.clear();
  }

  async replay(utterances: readonly Utterance[]): Promise<void> {
    const mine = ++this.replays;
    await this.player.resume();
    const loaded = await Promise.all(
      utterances.map(async (utterance) => {
        const samples = await this.samplesOf(utterance).catch(() => null);
        return { number: utterance.sequenceNumber, samples };
      }),
    );
    if (mine !== this.replays) return;
    this.player.interject(
      loaded.flatMap(({ number, samples }) => (samples === null ? [] : [{ number, samples }])),
    );
    this.tick();
  }

  async startSound(): Promise<void> {
    await this.player.resume();
    this.tick();
  }

  async pause(paused: boolean): Promise<void> {
    this.paused = paused;
    if (paused) await this.player.pause();
    else await this.player.resume();
    this.tick();
  }

  jumpToLive(): void {
    this.player.drop("all");
    this.leaveOut();
    this.tick();
  }

  close(): void {
    clearInterval(this.ticking);
    this.player.close();
  }

  private leaveOut(): void {
    for (const number of this.queue.jumpToLive()) {
      this.samples.delete(number);
      this.clips.delete(number);
      this.events.passed(number, "left out");
    }
    this.load();
  }

  private tick(): void {
    this.player.tick();
    if (!this.paused && this.player.isBlocked && this.queue.behindS > KEPT_WHILE_BLOCKED_S) {
      this.leaveOut();
    }
    while (!this.paused && this.player.canTakeNext && this.step());
    this.events.progress({
      behindS: this.queue.behindS + this.player.leftS,
      rate: this.player.leftS > 0 ? this.rate : 1,
      soundBlocked: this.isWanted && !this.paused && this.player.isBlocked,
    });
  }

  /** One decision of the queue carried out; false: there is nothing to do now. */
  private step(): boolean {
    const next = this.queue.next(performance.now());
    if (next.act === "wait") return false;
    if (next.act === "play") {
      const samples = this.samples.get(next.number);
      this.rate = rateFor(this.queue.behindS);
      if (samples !== undefined) this.player.play(next.number, samples, this.rate);
    } else {
      this.events.passed(next.number, next.reason);
    }
    this.samples.delete(next.number);
    this.clips.delete(next.number);
    this.load();
    return true;
  }

  private load(): void {
    for (const number of this.queue.takeToLoad()) void this.loadOne(number);
  }

  private async loadOne(number: number): Promise<void> {
    const clip = this.clips.get(number);
    const generation = this.generation;
    if (clip === undefined) return;
    try {
      const samples = await this.samplesOf(clip);
      if (generation !== this.generation || !this.clips.has(number)) return;
      this.samples.set(number, samples);
      this.queue.loaded(number);
    } catch {
      if (generation === this.generation) this.queue.failed(number);
    }
    this.tick();
  }

  private async samplesOf(clip: Utterance): Promise<Float32Array<ArrayBuffer>> {
    const body = await loadClip(clip, {
      fetch: (url, signal) => fetch(url, { signal }),
      refreshUrl: () => this.events.refreshUrl(clip.sequenceNumber),
      wait: (ms) => new Promise((done) => setTimeout(done, ms)),
    });
    return this.player.decode(body, clip.duration ?? 0);
  }
}
