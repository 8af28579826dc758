import { trimmed } from "./clip_samples";
import { stretched } from "./time_stretch";

/** A clip is scheduled this long before the one before it ends. Browsers run the timers of a page
 * in the background once a second: it must be more than that. */
const LOOK_AHEAD_S = 1.2;
const SOON_S = 0.02;

interface Scheduled {
  readonly number: number;
  readonly startS: number;
  readonly endS: number;
  readonly source: AudioBufferSourceNode;
  /** A listener asked for it once more. */
  readonly isAgain: boolean;
  begun: boolean;
}

export interface PlayerEvents {
  /** Its first sample is heard now. */
  began(number: number, isAgain: boolean): void;
  ended(number: number): void;
}

/** The sound of the page: clips are laid behind each other on the audio clock, to the sample. */
export class ClipPlayer {
  private readonly context = new AudioContext();
  private readonly gain = this.context.createGain();
  private scheduled: Scheduled[] = [];
  private wantsSound = true;

  constructor(private readonly events: PlayerEvents) {
    this.gain.connect(this.context.destination);
    // A telephone call, or a phone that is locked, takes the sound away: go on as soon as allowed.
    let ran = false;
    this.context.onstatechange = () => {
      if (this.context.state === "running") ran = true;
      else if (ran && this.wantsSound) void this.resume();
    };
    const session = (navigator as { audioSession?: { type: string } }).audioSession;
    // iOS: as music, which goes on behind the lock screen and with the ringer off.
    if (session !== undefined) session.type = "playback";
  }

  get isBlocked(): boolean {
    return this.wantsSound && this.context.state !== "running";
  }

  /** Must be called from a touch or a key where the browser wants that. */
  async resume(): Promise<void> {
    this.wantsSound = true;
    // A blocked context answers only when it is allowed, or is closed: nobody waits for that.
    const begun = this.context.resume().catch(() => undefined);
    await Promise.race([begun, new Promise((done) => setTimeout(done, 300))]);
  }

  async pause(): Promise<void> {
    this.wantsSound = false;
    await this.context.suspend().catch(() => undefined); // closed meanwhile
  }

  /** `volume`: 0 to 1, moved within 50 ms so that it does not click. */
  setVolume(volume: number): void {
    this.gain.gain.setTargetAtTime(volume, this.context.currentTime, 0.02);
  }

  /** Where the browser can choose a device at all. */
  async setOutput(deviceId: string): Promise<void> {
    const context = this.context as AudioContext & { setSinkId?: (id: string) => Promise<void> };
    await context.setSinkId?.(deviceId);
  }

  /** Mono samples of a clip that lasts `durationS`. Throws when it is no sound. */
  async decode(body: ArrayBuffer, durationS: number): Promise<Float32Array<ArrayBuffer>> {
    const decoded = await this.context.decodeAudioData(body);
    return trimmed(decoded.getChannelData(0), decoded.sampleRate, durationS);
  }

  get canTakeNext(): boolean {
    return this.context.state === "running" && this.leftS < LOOK_AHEAD_S;
  }

  /** Seconds of sound that are scheduled and not yet heard. */
  get leftS(): number {
    return Math.max(0, (this.scheduled.at(-1)?.endS ?? 0) - this.context.currentTime);
  }

  /** Behind everything that is scheduled already. */
  play(number: number, samples: Float32Array<ArrayBuffer>, rate: number): void {
    const { sampleRate } = this.context;
    const faster = stretched(samples, sampleRate, rate);
    const buffer = this.context.createBuffer(1, Math.max(1, faster.length), sampleRate);
    buffer.getChannelData(0).set(faster);
    this.schedule(number, buffer, false);
  }

  /** At once, before everything that is scheduled: what is cut off by it follows, from its start. */
  interject(clips: readonly { number: number; samples: Float32Array<ArrayBuffer> }[]): void {
    const cut = this.scheduled;
    this.scheduled = [];
    for (const { source } of cut) {
      source.stop();
      source.disconnect();
    }
    for (const { number, samples } of clips) {
      const { sampleRate } = this.context;
      const buffer = this.context.createBuffer(1, Math.max(1, samples.length), sampleRate);
      buffer.getChannelData(0).set(samples);
      this.schedule(number, buffer, true);
    }
    for (const { number, source, isAgain } of cut) {
      // Of two taps, the sentence that was tapped last is heard.
      if (!isAgain && source.buffer !== null) this.schedule(number, source.buffer, false);
      else this.events.ended(number);
    }
  }

  /** Tell what began and ended since the last time. */
  tick(): void {
    const nowS = this.context.currentTime;
    for (const clip of [...this.scheduled]) {
      if (!clip.begun && nowS >= clip.startS) {
        clip.begun = true;
        this.events.began(clip.number, clip.isAgain);
      }
      if (nowS < clip.endS) continue;
      this.scheduled = this.scheduled.filter((other) => other !== clip);
      this.events.ended(clip.number);
    }
  }

  /** Let go of what is scheduled: all of it, or what has not begun. */
  drop(which: "all" | "upcoming"): void {
    const dropped = this.scheduled.filter((clip) => which === "all" || !clip.begun);
    for (const clip of dropped) {
      clip.source.stop();
      clip.source.disconnect();
    }
    this.scheduled = this.scheduled.filter((clip) => !dropped.includes(clip));
    for (const clip of dropped) this.events.ended(clip.number);
  }

  private schedule(number: number, buffer: AudioBuffer, isAgain: boolean): void {
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.gain);
    const soonS = this.context.currentTime + SOON_S;
    const startS = Math.max(soonS, this.scheduled.at(-1)?.endS ?? 0);
    const endS = startS + buffer.duration;
    source.start(startS);
    this.scheduled.push({ number, startS, endS, source, isAgain, begun: false });
  }

  close(): void {
    this.wantsSound = false;
    this.drop("all");
    this.context.close().catch(() => undefined);
  }
}
