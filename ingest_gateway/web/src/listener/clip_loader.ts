const ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
const ATTEMPT_MS = 6000;
const NEEDS_FRESH_URL = new Set([400, 403, 404, 410]);

export interface ClipSource {
  readonly url?: string | null;
  /** Base64. */
  readonly audio?: string;
}

export interface LoaderNeeds {
  fetch(url: string, signal: AbortSignal): Promise<Response>;
  /** A new link to the same clip; null: there is none. */
  refreshUrl(): Promise<string | null>;
  wait(ms: number): Promise<void>;
}

export class ClipLostError extends Error {}

/** The bytes of a clip: those that came with the message, or downloaded, with three more attempts
 * and ever longer waits. A link that has expired is asked for anew. Throws ClipLostError. */
export async function loadClip(clip: ClipSource, needs: LoaderNeeds): Promise<ArrayBuffer> {
  if (clip.audio !== undefined) return fromBase64(clip.audio);
  let url = clip.url ?? (await needs.refreshUrl());
  let failure = "no link";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await needs.wait(FIRST_WAIT_MS * 2 ** (attempt - 1));
    if (url === null) break;
    try {
      const answer = await needs.fetch(url, AbortSignal.timeout(ATTEMPT_MS));
      if (answer.ok) return await answer.arrayBuffer();
      failure = `HTTP ${String(answer.status)}`;
      if (NEEDS_FRESH_URL.has(answer.status)) url = await needs.refreshUrl();
    } catch (error) {
      failure = error instanceof Error ? error.name : "network";
    }
  }
  throw new ClipLostError(failure);
}

function fromBase64(text: string): ArrayBuffer {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}
