// Asks the gateway again and again while somebody looks, with the token that the page came with.
import * as pool from "../shared/sign_in";
import { fetchOffer, RefusedError } from "../speaker/account";
import { fetchOperations } from "./operations";
import { forgetToken, keepToken, keptToken, tokenOfHash } from "./operator_token";
import { knownUntilMs, operatorStore, withAnswer, withFailure, withoutToken } from "./store";

const EVERY_MS = 2_000;

let timer: ReturnType<typeof setTimeout> | undefined;
let turn = 0;
/** Where operators sign in; null: they bring a token. */
let signInAt: pool.SignIn | null = null;

export function beginWatching(): void {
  const given = tokenOfHash(location.hash);
  if (given !== null) {
    // Not left in the address, where it would be seen and copied.
    history.replaceState(null, "", location.pathname + location.search);
  }
  const token = given ?? keptToken();
  if (token !== null) watchWith(token);
  void lookAtAccount();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void lookAgain();
  });
}

/** Leave for the page where people sign in; it sends them back here. */
export async function signIn(): Promise<void> {
  if (signInAt === null) return;
  await pool.beginSignIn(signInAt).catch(say);
}

async function lookAtAccount(): Promise<void> {
  try {
    signInAt = (await fetchOffer()).signIn;
    if (signInAt === null) return;
    operatorStore.setState({ canSignIn: true });
    await pool.finishSignIn(signInAt);
    const token = await pool.signedInToken(signInAt);
    if (token !== null && operatorStore.getState().token === null) watchWith(token);
  } catch (error) {
    say(error);
  }
}

function say(error: unknown): void {
  operatorStore.setState({ problem: error instanceof Error ? error.message : String(error) });
}

export function watchWith(token: string): void {
  keepToken(token);
  operatorStore.setState({ token, problem: null });
  void lookAgain();
}

export function stopWatching(): void {
  forgetToken();
  clearTimeout(timer);
  turn += 1;
  operatorStore.setState((state) => withoutToken(state, null));
  if (signInAt !== null && pool.isSignedIn()) pool.signOut(signInAt);
}

async function lookAgain(): Promise<void> {
  clearTimeout(timer);
  const { token } = operatorStore.getState();
  if (token === null || document.visibilityState === "hidden") return;
  const mine = (turn += 1);
  try {
    const renewed = signInAt === null ? null : await pool.signedInToken(signInAt);
    const answer = await fetchOperations(renewed ?? token, knownUntilMs(operatorStore.getState()));
    if (mine !== turn) return;
    operatorStore.setState((state) => withAnswer(state, answer));
  } catch (error) {
    if (mine !== turn) return;
    const code = error instanceof RefusedError ? error.code : "UNKNOWN";
    const message = error instanceof Error ? error.message : String(error);
    operatorStore.setState((state) => withFailure(state, code, message));
    if (operatorStore.getState().token === null) {
      forgetToken();
      pool.forgetSignIn(); // another account may be an operator's
    }
  }
  timer = setTimeout(() => void lookAgain(), EVERY_MS);
}
