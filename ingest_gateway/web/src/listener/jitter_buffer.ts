/** What is read of a receiver's statistics; both count up. */
interface InboundAudio {
  readonly type: string;
  /** Seconds that all samples together were held back. */
  readonly jitterBufferDelay?: number;
  /** How many samples those were. */
  readonly jitterBufferEmittedCount?: number;
}

/** How long a connection's sound is held back at this end, so that late packets still fit in. */
export class JitterBuffer {
  private delayS = 0;
  private samples = 0;

  constructor(private readonly receiver: Pick<RTCRtpReceiver, "getStats">) {}

  /** Seconds, in the mean since it was asked last; 0 where the browser does not tell. */
  async heldBackS(): Promise<number> {
    const stats = await this.receiver.getStats().catch(() => null);
    const all = (stats ?? new Map()) as ReadonlyMap<string, InboundAudio>;
    for (const one of all.values()) {
      if (one.type !== "inbound-rtp") continue;
      const { jitterBufferDelay = 0, jitterBufferEmittedCount = 0 } = one;
      const delayS = jitterBufferDelay - this.delayS;
      const samples = jitterBufferEmittedCount - this.samples;
      this.delayS = jitterBufferDelay;
      this.samples = jitterBufferEmittedCount;
      return samples > 0 ? delayS / samples : 0;
    }
    return 0;
  }
}
