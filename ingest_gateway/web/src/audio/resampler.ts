// Any device rate to the rate of the protocol, sample by sample as blocks come in.

const ZERO_CROSSINGS = 16;
const STEPS_PER_CROSSING = 256;

/** A low pass under half of the lower rate: a sinc in a Hann window, looked up with interpolation. */
export class Resampler {
  private readonly step: number;
  private readonly cutoff: number;
  private readonly reach: number;
  private readonly kernel: Float32Array;
  private kept: Float32Array;
  /** Where the next output lies, in input samples from the first kept one. */
  private position: number;

  constructor(fromHz: number, toHz: number) {
    this.step = fromHz / toHz;
    // A little under the limit, where the window's slope has come down.
    this.cutoff = Math.min(1, toHz / fromHz) * 0.95;
    this.reach = Math.ceil(ZERO_CROSSINGS / this.cutoff);
    this.kernel = kernel();
    this.kept = new Float32Array(this.reach);
    this.position = this.reach;
  }

  /** Samples in [-1, 1] in, those that can be computed by now out; late by 16 zero crossings. */
  push(block: Float32Array): Float32Array {
    if (this.step === 1) return block;
    const input = new Float32Array(this.kept.length + block.length);
    input.set(this.kept);
    input.set(block, this.kept.length);
    const last = input.length - this.reach - 1;
    const count = Math.max(0, Math.floor((last - this.position) / this.step) + 1);
    const output = new Float32Array(count);
    for (let index = 0; index < count; index++) {
      output[index] = this.at(input, this.position + index * this.step);
    }
    this.position += count * this.step;
    const passed = Math.max(0, Math.floor(this.position) - this.reach);
    this.kept = input.slice(passed);
    this.position -= passed;
    return output;
  }

  private at(input: Float32Array, position: number): number {
    const first = Math.max(0, Math.ceil(position - this.reach));
    const end = Math.min(input.length - 1, Math.floor(position + this.reach));
    let sum = 0;
    for (let index = first; index <= end; index++) {
      const place = Math.abs(index - position) * this.cutoff * STEPS_PER_CROSSING;
      const below = Math.floor(place);
      const left = this.kernel[below] ?? 0;
      const right = this.kernel[below + 1] ?? 0;
      sum += (input[index] ?? 0) * (left + (right - left) * (place - below));
    }
    return sum * this.cutoff;
  }
}

function kernel(): Float32Array {
  const length = ZERO_CROSSINGS * STEPS_PER_CROSSING;
  return Float32Array.from({ length: length + 1 }, (_, index) => {
    const x = index / STEPS_PER_CROSSING;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    return sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / ZERO_CROSSINGS));
  });
}
