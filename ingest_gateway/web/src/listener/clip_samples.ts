/** What LAME puts in front (576) and decoders add (529), in samples at the clip's own rate. */
const ENCODER_DELAY = 1105;
const FADE_S = 0.002;

/** The samples of a clip that lasts `durationS`, without what the encoder put around them, and
 * with the shortest of fades, so that one joins the next without a click. Decoders that read
 * LAME's tag have cut already; for the others, what is too much says what to cut.
 *
 * `sampleRate`: of `samples`; `clipRate`: at which the clip was encoded. */
export function trimmed(
  samples: Float32Array,
  sampleRate: number,
  durationS: number,
  clipRate = 24_000,
): Float32Array<ArrayBuffer> {
  const wanted = Math.round(durationS * sampleRate);
  const excess = durationS > 0 ? samples.length - wanted : 0;
  const delay = Math.round((ENCODER_DELAY / clipRate) * sampleRate);
  // Up to 2 ms are rounding of a decoder that has cut.
  const start = excess > 0.002 * sampleRate ? Math.min(excess, delay) : 0;
  const cut = Float32Array.from(
    samples.subarray(start, durationS > 0 ? start + wanted : undefined),
  );
  const fade = Math.min(Math.round(FADE_S * sampleRate), Math.floor(cut.length / 2));
  for (let index = 0; index < fade; index++) {
    const share = (index + 0.5) / fade;
    cut[index] = (cut[index] ?? 0) * share;
    cut[cut.length - 1 - index] = (cut[cut.length - 1 - index] ?? 0) * share;
  }
  return cut;
}
