export interface SpokenChunk {
  readonly sequence: number;
  readonly durationMs: number;
  readonly frame: Uint8Array<ArrayBuffer>;
}

export const KEEP_MS = 30_000;

/** The chunks that the gateway has not acknowledged: they are sent again when a connection broke. */
export class ResendBuffer {
  private chunks: SpokenChunk[] = [];
  private keptMs = 0;
  /** Speech that was given up, because it was not acknowledged for longer than the buffer keeps. */
  lostMs = 0;

  constructor(private readonly keepMs = KEEP_MS) {}

  add(chunk: SpokenChunk): void {
    this.chunks.push(chunk);
    this.keptMs += chunk.durationMs;
    while (this.keptMs > this.keepMs) this.lostMs += this.dropFirst();
  }

  /** Everything up to `sequence` is durable. */
  acknowledge(sequence: number): void {
    while (this.chunks[0] !== undefined && this.chunks[0].sequence <= sequence) this.dropFirst();
  }

  get waiting(): readonly SpokenChunk[] {
    return this.chunks;
  }

  get waitingMs(): number {
    return this.keptMs;
  }

  private dropFirst(): number {
    const durationMs = this.chunks.shift()?.durationMs ?? 0;
    this.keptMs -= durationMs;
    return durationMs;
  }
}
