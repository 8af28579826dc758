// Signing in at the pages of a user pool (Amazon Cognito's, or any other of OAuth 2.0): authorization
// code with PKCE. A tab keeps what it was given for as long as it lives, and has it renewed.

/** `url`: of the pool's own pages, which send people back to where they came from. */
export interface SignIn {
  readonly url: string;
  readonly clientId: string;
}

interface Pending {
  readonly state: string;
  readonly verifier: string;
}

interface Allowance {
  readonly token: string;
  readonly refresh: string | null;
  readonly untilMs: number;
}

export type SignInFault = "insecure" | "refused" | "foreign" | "unreachable" | "noToken";

/** `reason`: in the words of the pool, where it refused. */
export class SignInError extends Error {
  constructor(
    readonly fault: SignInFault,
    message: string,
    readonly reason = "",
  ) {
    super(message);
  }
}

const PENDING = "live-translation.signIn";
const ALLOWANCE = "live-translation.allowance";
/** Renewed so long before its end: a WebSocket may be opened again at any moment. */
const EARLY_MS = 5 * 60_000;

/** Leave this page for the pool's. */
export async function beginSignIn(at: SignIn): Promise<void> {
  if (!window.isSecureContext) {
    throw new SignInError("insecure", "Signing in needs a secure page: open this one over https.");
  }
  const pending = { state: random(), verifier: random() };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: at.clientId,
    redirect_uri: here(),
    scope: "openid",
    state: pending.state,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: "S256",
  });
  location.assign(`${at.url}/oauth2/authorize?${query.toString()}`);
}

/** Take what the pool sent back with the address, if anything; the address is cleaned of it. Throws
 * SignInError. */
export async function finishSignIn(at: SignIn): Promise<void> {
  const answer = new URLSearchParams(location.search);
  const state = answer.get("state");
  if (state === null) return;
  history.replaceState(null, "", location.pathname);
  const pending = kept(PENDING) as Pending | null;
  sessionStorage.removeItem(PENDING);
  const code = answer.get("code");
  if (code === null) {
    const why = answer.get("error_description") ?? answer.get("error") ?? "no reason was given";
    throw new SignInError("refused", `Signing in was refused: ${why}.`, why);
  }
  // Another person's code would have this one speak under another name.
  if (pending?.state !== state) {
    throw new SignInError("foreign", "That sign-in was not begun in this tab. Sign in again.");
  }
  await take(at, {
    grant_type: "authorization_code",
    code,
    redirect_uri: here(),
    code_verifier: pending.verifier,
  });
}

/** A token that lasts for some minutes at least; null: sign in (again). */
export async function signedInToken(at: SignIn, nowMs = Date.now()): Promise<string | null> {
  const allowance = kept(ALLOWANCE) as Allowance | null;
  if (allowance === null || nowMs < allowance.untilMs - EARLY_MS) return allowance?.token ?? null;
  if (allowance.refresh !== null) {
    const wish = { grant_type: "refresh_token", refresh_token: allowance.refresh };
    const renewed = await take(at, wish, allowance.refresh).catch(() => null);
    if (renewed !== null) return renewed.token;
  }
  return nowMs < allowance.untilMs ? allowance.token : null;
}

/** Here and at the pool, whose page sends back to this one. */
export function signOut(at: SignIn): void {
  forgetSignIn();
  const query = new URLSearchParams({ client_id: at.clientId, logout_uri: here() });
  location.assign(`${at.url}/logout?${query.toString()}`);
}

export function isSignedIn(): boolean {
  return kept(ALLOWANCE) !== null;
}

export function forgetSignIn(): void {
  sessionStorage.removeItem(ALLOWANCE);
}

/** `refresh`: kept where the answer brings no new one. */
async function take(
  at: SignIn,
  wish: Record<string, string>,
  refresh: string | null = null,
): Promise<Allowance> {
  const body = new URLSearchParams({ ...wish, client_id: at.clientId });
  const answer = await fetch(`${at.url}/oauth2/token`, { method: "POST", body }).catch(() => {
    throw new SignInError("unreachable", "The sign-in service does not answer. Is the network up?");
  });
  const got = (await answer.json().catch(() => ({}))) as {
    access_token?: string;
    refresh_token?: string;
    expires_in?: number;
  };
  if (!answer.ok || got.access_token === undefined) {
    throw new SignInError("noToken", "The sign-in service gave no token. Sign in again.");
  }
  const allowance = {
    token: got.access_token,
    refresh: got.refresh_token ?? refresh,
    untilMs: Date.now() + (got.expires_in ?? 0) * 1000,
  };
  sessionStorage.setItem(ALLOWANCE, JSON.stringify(allowance));
  return allowance;
}

function here(): string {
  return location.origin + location.pathname;
}

function kept(name: string): unknown {
  return JSON.parse(sessionStorage.getItem(name) ?? "null");
}

function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
