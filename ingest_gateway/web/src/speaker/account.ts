// What the speaker page asks over HTTP: a token and a session.
import { clockAheadMs } from "../shared/server_clock";
import type { SecretPlace } from "../shared/session_link";
import type { SignIn } from "../shared/sign_in";

export interface Offer {
  /** Language spoken to languages that it can be heard in. */
  readonly languages: Readonly<Record<string, readonly string[]>>;
  /** Where listeners reach this gateway; null: where this page came from. */
  readonly publicUrl: string | null;
  /** Where a phone learns to trust it; null: it does, or a gateway of before does not tell. */
  readonly trustUrl?: string | null;
  /** Whether audio may come in binary frames, or in messages only. */
  readonly binaryFrames: boolean;
  /** Where people sign in; null: tokens come from here, or are brought. */
  readonly signIn: SignIn | null;
}

/** A refusal in the gateway's own words. */
export class RefusedError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** `onAnswer`: is given the answer itself, before it is read. */
export async function asked<T>(
  path: string,
  init?: RequestInit,
  onAnswer?: (answer: Response) => void,
): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new RefusedError("UNREACHABLE", "The gateway does not answer. Is the network up?");
  }
  onAnswer?.(answer);
  const fields = (await answer.json().catch(() => ({}))) as { code?: string; message?: string };
  if (answer.ok) return fields as T;
  throw new RefusedError(
    fields.code ?? `HTTP_${String(answer.status)}`,
    fields.message ?? `The gateway answered with ${String(answer.status)}.`,
  );
}

/** What tells planned times, with how far the clock that they are of is ahead of this device's. */
export async function askedByClock<T>(
  path: string,
  init: RequestInit,
): Promise<T & { clockAheadMs: number }> {
  let aheadMs = 0;
  const fields = await asked<T>(path, init, (answer) => {
    aheadMs = clockAheadMs(answer);
  });
  return { ...fields, clockAheadMs: aheadMs };
}

function posted(body: object, token?: string): RequestInit {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  return { method: "POST", headers, body: JSON.stringify(body) };
}

export function fetchOffer(): Promise<Offer> {
  return asked<Offer>("/offer");
}

/** Throws RefusedError: FORBIDDEN where tokens are not given to everybody. */
export async function fetchToken(subject: string): Promise<string> {
  return (await asked<{ token: string }>("/tokens", posted({ subject }))).token;
}

/** A subprotocol that opens one WebSocket: by a ticket, so that the token stands in no handshake.
 * Where no ticket is given, by the token: the gateway then says what is wrong with it. */
export async function fetchAdmission(token: string): Promise<string> {
  try {
    const { ticket } = await asked<{ ticket: string }>("/tickets", posted({}, token));
    return `ticket.${ticket}`;
  } catch (error) {
    if (error instanceof RefusedError && error.code !== "UNREACHABLE") return `token.${token}`;
    throw error;
  }
}

export interface CreatedSession {
  readonly sessionId: string;
  /** The secret of the link for listeners; gateways of before give none. */
  readonly listeningKey?: string;
}

export function createSession(sourceLanguage: string, token: string): Promise<CreatedSession> {
  return asked<CreatedSession>("/sessions", posted({ sourceLanguage }, token));
}

export async function endSession(sessionId: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  await asked(`/sessions/${encodeURIComponent(sessionId)}`, { method: "DELETE", headers });
}

/** Delete all that is kept of it; it ends, if it goes on. */
export async function eraseSession(sessionId: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  await asked(`${sessionPath(sessionId)}/data`, { method: "DELETE", headers });
}

/** Who may listen to a session, and to how much, as its owner sees it. */
export interface SessionRules {
  readonly listeningKey?: string;
  /** By the session's name as well as by its link, or by the link alone. */
  readonly listening?: "id" | "link";
  readonly accessCode?: string | null;
  readonly locked?: boolean;
  readonly maxLanguages?: number | null;
  readonly maxMinutes?: number | null;
}

export interface RulesChange {
  readonly listening?: "id" | "link";
  /** Null: none is asked for any more. */
  readonly accessCode?: string | null;
  readonly locked?: boolean;
  readonly maxLanguages?: number | undefined;
  readonly maxMinutes?: number | undefined;
  /** Links that were given away lead nowhere any more. */
  readonly newListeningKey?: true;
}

export interface PresentListener {
  readonly listenerId: string;
  readonly targetLanguage: string;
  readonly connectedAt: number;
}

function sessionPath(sessionId: string): string {
  return `/sessions/${encodeURIComponent(sessionId)}`;
}

export function fetchRules(sessionId: string, token: string): Promise<SessionRules> {
  return asked<SessionRules>(sessionPath(sessionId), {
    headers: { authorization: `Bearer ${token}` },
  });
}

export function changeSession(
  sessionId: string,
  token: string,
  wanted: RulesChange,
): Promise<SessionRules> {
  const init = { ...posted(wanted, token), method: "PATCH" };
  return asked<SessionRules>(sessionPath(sessionId), init);
}

export function fetchListeners(sessionId: string, token: string): Promise<PresentListener[]> {
  return asked<PresentListener[]>(`${sessionPath(sessionId)}/listeners`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

/** By every gateway within half a minute. */
export async function removeListener(
  sessionId: string,
  token: string,
  listenerId: string,
): Promise<void> {
  await asked(`${sessionPath(sessionId)}/listeners/${encodeURIComponent(listenerId)}`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  });
}

/** Whether a session of an earlier life of this page goes on. */
export async function isGoingOn(sessionId: string, token: string): Promise<boolean> {
  const path = `/sessions/${encodeURIComponent(sessionId)}`;
  const headers = { authorization: `Bearer ${token}` };
  const session = await asked<{ status: string }>(path, { headers }).catch(() => null);
  return session !== null && session.status !== "ended";
}

/** A talk as its speaker's link shows it. */
export interface TalkSheet {
  readonly talkId: string;
  readonly title: string;
  readonly speaker: string;
  readonly language: string;
  readonly plannedAt: number | null;
  readonly endedAt: number | null;
  readonly roomId: string;
  readonly roomName: string;
  readonly eventTitle: string;
  /** Path and secret of the room. */
  readonly listenerLink: string;
  readonly retentionDays: number;
  /** The gateway's clock, which planned times are of, against this device's. */
  readonly clockAheadMs: number;
}

/** What stands for a token where a speaker has a talk's link. */
export function linkToken(place: SecretPlace): string {
  return `talk.${place.id}.${place.key}`;
}

/** Throws RefusedError. */
export function fetchTalk(place: SecretPlace): Promise<TalkSheet> {
  const headers = { authorization: `Bearer ${linkToken(place)}` };
  return askedByClock<Omit<TalkSheet, "clockAheadMs">>(`/talks/${encodeURIComponent(place.id)}`, {
    headers,
  });
}

/** The session to speak into. Throws RefusedError: STAGE_TAKEN, TALK_OVER. */
export async function takeStage(place: SecretPlace): Promise<string> {
  const path = `/talks/${encodeURIComponent(place.id)}/stage`;
  const taken = await asked<{ sessionId: string }>(path, posted({}, linkToken(place)));
  return taken.sessionId;
}
