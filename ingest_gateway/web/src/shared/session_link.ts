const PATH = "/listen/";
const KEY = /#([A-Za-z0-9_-]{22})$/;
const WORD = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** `key`: the link's secret. It stands in the fragment, which no server and no log gets to see. */
export function listenerLink(base: string, sessionId: string, key: string | null = null): string {
  const link = base.replace(/\/+$/, "") + PATH + encodeURIComponent(sessionId);
  return key === null ? link : `${link}#${key}`;
}

/** The secret in a link or in a page's fragment; null: there is none. */
export function keyOf(link: string): string | null {
  return KEY.exec(link.trim())?.[1] ?? null;
}

/** The session of a listener page's path; null: none is named. */
export function sessionOfPath(path: string): string | null {
  return path.startsWith(PATH) ? sessionTyped(path.slice(PATH.length)) : null;
}

/** What somebody typed or pasted, an id or a whole link, as an id; null: it is neither. */
export function sessionTyped(text: string): string | null {
  const last = text.trim().split(/[?#]/)[0]?.split("/").filter(Boolean).at(-1) ?? "";
  try {
    const id = decodeURIComponent(last).toLowerCase().replaceAll(" ", "-");
    return WORD.test(id) ? id : null;
  } catch {
    return null;
  }
}
