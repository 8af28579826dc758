/** A length of time as short as it can be read: 0.4 s, 12 s, 3 min, 2 h 5 min. */
export function durationInWords(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${String(Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${String(minutes)} min`;
  return `${String(Math.floor(minutes / 60))} h ${String(minutes % 60)} min`;
}

/** How long ago that was; a dash for what is not known. */
export function agoInWords(atMs: number | null, nowMs: number): string {
  return atMs === null ? "–" : durationInWords(nowMs - atMs);
}

/** Numbers by name, as `es 2, ca 1`; nothing of none. */
export function countsInWords(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([name, count]) => `${name} ${String(count)}`)
    .join(", ");
}

export function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
