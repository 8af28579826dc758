/** Cuts a run of samples into chunks of equal length, as 16 bit integers. */
export class Chunker {
  private chunk: Int16Array<ArrayBuffer>;
  private filled = 0;

  constructor(private readonly chunkSamples: number) {
    this.chunk = new Int16Array(chunkSamples);
  }

  /** Samples in [-1, 1] (louder ones are cut off) in, full chunks out. */
  push(samples: Float32Array): Int16Array<ArrayBuffer>[] {
    const full: Int16Array<ArrayBuffer>[] = [];
    for (const sample of samples) {
      this.chunk[this.filled++] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
      if (this.filled === this.chunkSamples) {
        full.push(this.chunk);
        this.chunk = new Int16Array(this.chunkSamples);
        this.filled = 0;
      }
    }
    return full;
  }

  /** What is left of a chunk at the end of a talk. */
  flush(): Int16Array<ArrayBuffer>[] {
    const rest = this.chunk.slice(0, this.filled);
    this.filled = 0;
    return rest.length > 0 ? [rest] : [];
  }
}
