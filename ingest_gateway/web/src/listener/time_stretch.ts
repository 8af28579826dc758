// Faster speech at the same pitch (WSOLA): overlapping grains are laid closer to each other, each
// moved by up to SEARCH_S so that its waves meet those of the grain before it. A buffer source's
// own playbackRate would raise the voice by two semitones at 1.15, and an audio element, which
// keeps the pitch, cannot join clips without a gap.

const GRAIN_S = 0.04;
const SEARCH_S = 0.01;
/** Every so many samples are compared: at 24 kHz and more, speech has nothing finer to find. */
const STRIDE = 4;

/** Mono samples, `rate` of at least 1: about length / rate samples. */
export function stretched(samples: Float32Array, sampleRate: number, rate: number): Float32Array {
  const grain = 2 * Math.round((GRAIN_S * sampleRate) / 2);
  const hop = grain / 2;
  const search = Math.round(SEARCH_S * sampleRate);
  const length = Math.round(samples.length / rate);
  if (rate <= 1.001 || samples.length < 2 * (grain + search)) return samples;

  const output = new Float32Array(length + grain);
  output.set(samples.subarray(0, grain));
  let from = 0;
  for (let to = hop; to < length; to += hop) {
    const natural = from + hop; // what would follow if nothing were left out
    const wanted = Math.round(to * rate);
    from = bestMatch(samples, natural, wanted, hop, search);
    for (let index = 0; index < grain; index++) {
      const sample = samples[from + index] ?? 0;
      const at = to + index;
      // The first half fades in over the tail of the grain before.
      const share = index < hop ? 0.5 - 0.5 * Math.cos((Math.PI * (index + 0.5)) / hop) : 1;
      output[at] = (output[at] ?? 0) * (1 - share) + sample * share;
    }
  }
  return output.subarray(0, length);
}

/** The start near `wanted` from where the samples are most like those at `natural`. */
function bestMatch(
  samples: Float32Array,
  natural: number,
  wanted: number,
  compared: number,
  search: number,
): number {
  const last = samples.length - 2 * compared;
  let best = Math.max(0, Math.min(wanted, last));
  let highest = -Infinity;
  const end = Math.min(last, wanted + search);
  for (let start = Math.max(0, wanted - search); start <= end; start += 2) {
    let product = 0;
    let energy = 1e-9;
    for (let index = 0; index < compared; index += STRIDE) {
      const sample = samples[start + index] ?? 0;
      product += sample * (samples[natural + index] ?? 0);
      energy += sample * sample;
    }
    const likeness = product / Math.sqrt(energy);
    if (likeness > highest) {
      highest = likeness;
      best = start;
    }
  }
  return best;
}
