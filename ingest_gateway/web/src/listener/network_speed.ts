/** Sound needs some 8 KB/s, and everything else besides. */
const SLOW_BYTES_PER_S = 20_000;
/** Smaller answers tell of delay, not of speed. */
const TELLING_BYTES = 5000;

export interface Fetched {
  readonly transferSize: number;
  readonly duration: number;
}

interface NetworkInformation {
  readonly saveData?: boolean;
  readonly effectiveType?: string;
}

/** Whether the network carries captions and no sound beside them, by how this page itself came and
 * what the browser says. */
export function isSlow(
  fetched: readonly Fetched[],
  network: NetworkInformation | undefined,
): boolean {
  if (network?.saveData === true || /^(slow-)?2g$/.test(network?.effectiveType ?? "")) return true;
  const rates = fetched
    .filter((one) => one.transferSize >= TELLING_BYTES && one.duration > 0)
    .map((one) => (one.transferSize / one.duration) * 1000);
  return rates.length > 0 && Math.max(...rates) < SLOW_BYTES_PER_S;
}

export function isSlowHere(): boolean {
  const fetched = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
  const { connection } = navigator as { connection?: NetworkInformation };
  return isSlow(fetched, connection);
}
