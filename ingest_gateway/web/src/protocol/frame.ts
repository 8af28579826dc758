// The binary audio frame: 24 bytes, big endian, then PCM s16le.
//
// offset  0        1         2        4          12            20        24
//         magic A1  version  flags    sequence   timestamp ms  length    PCM
//         u8        u8 = 1   u16      u64        u64           u32

export const HEADER_BYTES = 24;

export function encodeFrame(
  sequence: number,
  timestampMs: number,
  samples: Int16Array,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + samples.length * 2);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0xa1);
  view.setUint8(1, 1);
  view.setBigUint64(4, BigInt(sequence));
  view.setBigUint64(12, BigInt(Math.round(timestampMs)));
  view.setUint32(20, samples.length * 2);
  samples.forEach((sample, index) => {
    view.setInt16(HEADER_BYTES + index * 2, sample, true);
  });
  return bytes;
}
