const PREFIX = "live-translation.";

/** What a person chose, kept by the browser under names of this project. */
export interface Memory {
  /** Null: nothing is kept under that name. */
  get(name: string): string | null;
  set(name: string, value: string): void;
}

/** The browser's own store. Where it keeps nothing (private windows), pages work with defaults. */
export const BROWSER_MEMORY: Memory = {
  get: (name) => {
    try {
      return localStorage.getItem(PREFIX + name);
    } catch {
      return null;
    }
  },
  set: (name, value) => {
    try {
      localStorage.setItem(PREFIX + name, value);
    } catch {
      // Not kept, then.
    }
  },
};

/** A memory that ends with its object, for tests and the gallery. */
export function memoryOf(kept: Readonly<Record<string, string>> = {}): Memory {
  const values = new Map(Object.entries(kept));
  return {
    get: (name) => values.get(name) ?? null,
    set: (name, value) => {
      values.set(name, value);
    },
  };
}

export function numberOf(memory: Memory, name: string, otherwise: number): number {
  const text = memory.get(name);
  const value = text === null ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : otherwise;
}
