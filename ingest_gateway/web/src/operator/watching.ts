// Asks the gateway again and again while somebody looks, with the token that the page came with.
import { RefusedError } from "../speaker/account";
import { fetchOperations } from "./operations";
import { forgetToken, keepToken, keptToken, tokenOfHash } from "./operator_token";
import { knownUntilMs, operatorStore, withAnswer, withFailure } from "./store";

const EVERY_MS = 2_000;

let timer: ReturnType<typeof setTimeout> | undefined;
let turn = 0;

export function beginWatching(): void {
  const given = tokenOfHash(location.hash);
  if (given !== null) {
    // Not left in the address, where it would be seen and copied.
    history.replaceState(null, "", location.pathname + location.search);
  }
  const token = given ?? keptToken();
  if (token !== null) watchWith(token);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void lookAgain();
  });
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
  operatorStore.setState(operatorStore.getInitialState(), true);
}

async function lookAgain(): Promise<void> {
  clearTimeout(timer);
  const { token } = operatorStore.getState();
  if (token === null || document.visibilityState === "hidden") return;
  const mine = (turn += 1);
  try {
    const answer = await fetchOperations(token, knownUntilMs(operatorStore.getState()));
    if (mine !== turn) return;
    operatorStore.setState((state) => withAnswer(state, answer));
  } catch (error) {
    if (mine !== turn) return;
    const code = error instanceof RefusedError ? error.code : "UNKNOWN";
    const message = error instanceof Error ? error.message : String(error);
    operatorStore.setState((state) => withFailure(state, code, message));
    if (operatorStore.getState().token === null) forgetToken();
  }
  timer = setTimeout(() => void lookAgain(), EVERY_MS);
}
