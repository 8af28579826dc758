const PATH = "/listen/";
const PLACE = /^[a-z0-9][a-z0-9.-]{0,127}$/;
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

/** Whether no other device can open it. */
export function isOfThisMachine(link: string): boolean {
  try {
    const { hostname } = new URL(link);
    return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  } catch {
    return false;
  }
}

/** The session of a listener page's path; null: none is named. */
export function sessionOfPath(path: string): string | null {
  return path.startsWith(PATH) ? sessionTyped(path.slice(PATH.length)) : null;
}

/** What a listener typed or pasted, an id or a whole link, as an id; null: it is neither. */
export function sessionTyped(text: string): string | null {
  const last = text.trim().split(/[?#]/)[0]?.split("/").filter(Boolean).at(-1) ?? "";
  try {
    const id = decodeURIComponent(last).toLowerCase().replaceAll(" ", "-");
    return WORD.test(id) ? id : null;
  } catch {
    return null;
  }
}

/** What a link leads to, with the secret that stands behind its `#`. */
export interface SecretPlace {
  readonly id: string;
  readonly key: string;
}

/** The room of a listener page's address; null: it is no room's. */
export function roomOfAddress(path: string, hash: string): SecretPlace | null {
  return placeOf("/room/", path, hash);
}

/** The talk of a speaker page's address; null: it is no talk's. */
export function talkOfAddress(path: string, hash: string): SecretPlace | null {
  return placeOf("/speak/", path, hash);
}

function placeOf(prefix: string, path: string, hash: string): SecretPlace | null {
  const id = path.startsWith(prefix) ? path.slice(prefix.length) : "";
  return PLACE.test(id) ? { id, key: hash.replace(/^#/, "") } : null;
}
