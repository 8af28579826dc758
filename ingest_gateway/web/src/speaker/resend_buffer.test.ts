import { expect, it } from "vitest";
import { ResendBuffer } from "./resend_buffer";

function filled(count: number): ResendBuffer {
  const buffer = new ResendBuffer(1000);
  for (let sequence = 0; sequence < count; sequence++) {
    buffer.add({ sequence, durationMs: 250, frame: new Uint8Array(1) });
  }
  return buffer;
}

const numbers = (buffer: ResendBuffer) => buffer.waiting.map((chunk) => chunk.sequence);

it("keeps what is not acknowledged, in order", () => {
  const buffer = filled(4);
  buffer.acknowledge(1);
  expect([numbers(buffer), buffer.waitingMs, buffer.lostMs]).toEqual([[2, 3], 500, 0]);
});

it("gives up the oldest when it is full, and counts that", () => {
  const buffer = filled(6);
  expect([numbers(buffer), buffer.waitingMs, buffer.lostMs]).toEqual([[2, 3, 4, 5], 1000, 500]);
});
