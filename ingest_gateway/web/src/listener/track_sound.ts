import type { Utterance } from "../protocol/messages";
import { JitterBuffer } from "./jitter_buffer";
import type { Sound, SoundEvents } from "./sound";

/** One continuous track in an audio element, which goes on behind a lock screen where the platform
 * allows that to anything. The gateway mixes it: there is nothing to queue or to catch up with. It says when each
 * utterance goes out; this end knows how much later that is heard. */
export class TrackSound implements Sound {
  private readonly element = new Audio();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private buffer: JitterBuffer | null = null;
  private paused = false;
  private volume = 1;
  /** A sentence that is heard again, while the track is silent. */
  private again: HTMLAudioElement | null = null;

  constructor(
    private readonly events: Pick<SoundEvents, "began" | "ended" | "progress" | "refreshUrl">,
  ) {
    const session = (navigator as { audioSession?: { type: string } }).audioSession;
    if (session !== undefined) session.type = "playback";
  }

  /** A new connection's track. */
  play(receiver: Pick<RTCRtpReceiver, "track" | "getStats">): void {
    this.buffer = new JitterBuffer(receiver);
    this.element.srcObject = new MediaStream([receiver.track]);
    if (!this.paused) void this.startSound();
  }

  get output(): Sound["output"] {
    const { element } = this;
    return {
      setVolume: (volume) => {
        this.volume = volume;
        element.volume = volume;
        element.muted = volume === 0 || this.again !== null; // phones leave the volume to their keys
      },
      setOutput: async (deviceId) => {
        if ("setSinkId" in element) await element.setSinkId(deviceId);
      },
    };
  }

  startBehind(): void {
    // The track begins with what is said next.
  }

  offer(utterance: Utterance): boolean {
    return !utterance.skipped;
  }

  sent(number: number, durationS: number): void {
    const { buffer } = this;
    void buffer?.heldBackS().then((heldBackS) => {
      this.in(heldBackS, () => {
        // Another connection since, or nobody hears it.
        if (buffer !== this.buffer || this.element.paused) return;
        this.events.began(number, false);
        this.in(durationS, () => {
          this.events.ended(number);
        });
      });
    });
  }

  changeLanguage(): void {
    // The next connection brings the other language's track.
  }

  setWanted(): void {
    // A listener who wants captions only has no track.
  }

  /** The track goes on unheard meanwhile: it waits for nobody. */
  async replay(utterances: readonly Utterance[]): Promise<void> {
    this.again?.pause();
    for (const [index, { url, sequenceNumber }] of utterances.entries()) {
      const link = (await this.events.refreshUrl(sequenceNumber)) ?? url;
      if (!link) continue;
      const player = new Audio(link);
      player.volume = this.volume;
      if (index > 0 && this.again === null) return; // another sentence, or none any more
      this.again = player;
      this.element.muted = true;
      this.events.began(sequenceNumber, true);
      await played(player);
      this.events.ended(sequenceNumber);
      if (this.again !== player) return;
    }
    this.again = null;
    this.element.muted = this.volume === 0;
  }

  touched(): void {
    if (!this.paused && this.element.paused) void this.startSound();
  }

  async startSound(): Promise<void> {
    if (this.element.srcObject === null) return;
    const isBlocked = await this.element.play().then(() => false, isNotAllowed);
    this.events.progress({ behindS: 0, rate: 1, soundBlocked: isBlocked });
  }

  async pause(paused: boolean): Promise<void> {
    this.paused = paused;
    if (paused) this.element.pause();
    else await this.startSound();
  }

  jumpToLive(): void {
    // It is never anywhere else.
  }

  close(): void {
    this.buffer = null;
    this.timers.forEach(clearTimeout);
    this.timers.clear();
    this.again?.pause();
    this.again = null;
    this.element.pause();
    this.element.srcObject = null;
  }

  private in(waitS: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, waitS * 1000);
    this.timers.add(timer);
  }
}

/** Other failures (the track was changed while it began) are no question of a touch. */
function isNotAllowed(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NotAllowedError";
}

/** When it has come to its end, was stopped, or cannot be played. */
function played(player: HTMLAudioElement): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ["ended", "pause", "error"]) {
      player.addEventListener(event, () => {
        resolve();
      });
    }
    player.play().catch(() => {
      resolve();
    });
  });
}
