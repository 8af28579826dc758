// What a person chose, kept by the browser. Where it keeps nothing (private windows), the page
// works with its defaults.

const PREFIX = "live-translation.";

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Not kept, then.
  }
}

export function rememberedNumber(name: string, otherwise: number): number {
  const text = remembered(name);
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : otherwise;
}
