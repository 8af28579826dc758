// The talk that this tab speaks into, kept while the tab lives: a page that is loaded anew, by
// mistake or because a phone dropped it, can go on with it.

const NAME = "live-translation.openTalk";

export interface OpenTalk {
  readonly sessionId: string;
  /** The secret of its link; null: it has none. */
  readonly key: string | null;
  readonly token: string;
  readonly source: string;
}

export function openTalk(): OpenTalk | null {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? "null") as OpenTalk | null;
  } catch {
    return null;
  }
}

export function keepOpenTalk(talk: OpenTalk | null): void {
  try {
    if (talk === null) sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, JSON.stringify(talk));
  } catch {
    // Nothing to go on with, then.
  }
}
