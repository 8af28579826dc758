/** How far the gateway's clock is ahead of this device's, in milliseconds and to a second or two,
 * by when it answered; 0: an answer does not tell. A phone's clock may be a day off. */
export function clockAheadMs(answer: Pick<Response, "headers">, nowMs = Date.now()): number {
  const atMs = Date.parse(answer.headers.get("date") ?? "");
  return Number.isNaN(atMs) ? 0 : atMs - nowMs;
}
