// The binary audio frame: 24 bytes, big endian, then PCM s16le.
//
// offset  0        1         2        4          12            20        24
//         magic A1  version  flags    sequence   timestamp ms  length    PCM
//         u8        u8 = 1   u16      u64        u64           u32

import type { AudioMessage } from "./messages";

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

/** What a frame says, as a message. */
export function asMessage(
  sessionId: string,
  streamId: string,
  frame: Uint8Array<ArrayBuffer>,
): AudioMessage {
  const view = new DataView(frame.buffer);
  const pcm = frame.subarray(HEADER_BYTES);
  return {
    action: "audioChunk",
    sessionId,
    streamId,
    sequence: Number(view.getBigUint64(4)),
    timestamp: Number(view.getBigUint64(12)),
    audioData: btoa(Array.from(pcm, (byte) => String.fromCharCode(byte)).join("")),
    format: "pcm",
    encoding: "s16le",
    sampleRate: 16000,
    channels: 1,
  };
}
