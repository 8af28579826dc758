/// <reference lib="webworker" />
// Runs in the audio thread: device samples in, chunks of 16 kHz mono s16 out.
import { Chunker } from "./chunker";
import { Resampler } from "./resampler";

declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
  constructor(options: { processorOptions: { chunkSamples: number } });
}
declare function registerProcessor(
  name: string,
  kind: new (options: { processorOptions: { chunkSamples: number } }) => AudioWorkletProcessor,
): void;

class Capture extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate, 16_000);
  private readonly chunker: Chunker;

  constructor(options: { processorOptions: { chunkSamples: number } }) {
    super(options);
    this.chunker = new Chunker(options.processorOptions.chunkSamples);
    this.port.onmessage = () => {
      this.post(this.chunker.flush());
      this.port.postMessage(null); // nothing follows
    };
  }

  process(inputs: Float32Array[][]): boolean {
    const samples = inputs[0]?.[0];
    if (samples !== undefined) this.post(this.chunker.push(this.resampler.push(samples)));
    return true;
  }

  private post(chunks: Int16Array<ArrayBuffer>[]): void {
    for (const chunk of chunks) this.port.postMessage(chunk, [chunk.buffer]);
  }
}

registerProcessor("capture", Capture);
