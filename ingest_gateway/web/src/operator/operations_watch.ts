import { createStore } from "zustand/vanilla";
import * as pool from "../shared/sign_in";
import { fetchOffer, RefusedError } from "../speaker/account";
import { fetchOperations } from "./operations";
import * as kept from "./operator_token";
import {
  knownUntilMs,
  NOTHING_YET,
  withAnswer,
  withFailure,
  withoutToken,
  type OperatorState,
} from "./store";

const EVERY_MS = 2_000;

/** What a watch needs of the browser and of the gateway. */
export interface WatchNeeds {
  readonly fetchOffer: typeof fetchOffer;
  readonly fetchOperations: typeof fetchOperations;
  readonly token: { kept(): string | null; keep(token: string): void; forget(): void };
  readonly pool: Pick<
    typeof pool,
    "beginSignIn" | "finishSignIn" | "signedInToken" | "isSignedIn" | "signOut" | "forgetSignIn"
  >;
  /** The page is in front. */
  isLookedAt(): boolean;
}

export function browserNeeds(): WatchNeeds {
  return {
    fetchOffer,
    fetchOperations,
    token: { kept: kept.keptToken, keep: kept.keepToken, forget: kept.forgetToken },
    pool,
    isLookedAt: () => document.visibilityState === "visible",
  };
}

/** Asks the gateway every two seconds while the page is looked at, with the token that the page
 * came with. What the page shows is in `store`. */
export class OperationsWatch {
  readonly store = createStore<OperatorState>(() => NOTHING_YET);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private turn = 0;
  /** Where operators sign in; null: they bring a token. */
  private signInAt: pool.SignIn | null = null;

  constructor(private readonly needs: WatchNeeds) {}

  /** `given`: the token of the page's address, if it has one. */
  async begin(given: string | null): Promise<void> {
    const token = given ?? this.needs.token.kept();
    if (token !== null) this.watchWith(token);
    try {
      this.signInAt = (await this.needs.fetchOffer()).signIn;
      if (this.signInAt === null) return;
      this.store.setState({ canSignIn: true });
      await this.needs.pool.finishSignIn(this.signInAt);
      const allowed = await this.needs.pool.signedInToken(this.signInAt);
      if (allowed !== null && this.store.getState().token === null) this.watchWith(allowed);
    } catch (error) {
      this.say(error);
    }
  }

  /** Leave for the page where people sign in; it sends them back here. */
  async signIn(): Promise<void> {
    if (this.signInAt === null) return;
    await this.needs.pool.beginSignIn(this.signInAt).catch((error: unknown) => {
      this.say(error);
    });
  }

  watchWith(token: string): void {
    this.needs.token.keep(token);
    this.store.setState({ token, problem: null });
    void this.lookAgain();
  }

  stop(): void {
    this.needs.token.forget();
    clearTimeout(this.timer);
    this.turn += 1;
    this.store.setState((state) => withoutToken(state, null));
    if (this.signInAt !== null && this.needs.pool.isSignedIn()) {
      this.needs.pool.signOut(this.signInAt);
    }
  }

  async lookAgain(): Promise<void> {
    clearTimeout(this.timer);
    const { token } = this.store.getState();
    if (token === null || !this.needs.isLookedAt()) return;
    const mine = (this.turn += 1);
    try {
      const at = this.signInAt;
      const renewed = at === null ? null : await this.needs.pool.signedInToken(at);
      const sinceMs = knownUntilMs(this.store.getState());
      const answer = await this.needs.fetchOperations(renewed ?? token, sinceMs);
      if (mine !== this.turn) return;
      this.store.setState((state) => withAnswer(state, answer));
    } catch (error) {
      if (mine !== this.turn) return;
      const code = error instanceof RefusedError ? error.code : "UNKNOWN";
      const message = error instanceof Error ? error.message : String(error);
      this.store.setState((state) => withFailure(state, code, message));
      if (this.store.getState().token === null) {
        this.needs.token.forget();
        this.needs.pool.forgetSignIn(); // another account may be an operator's
      }
    }
    this.timer = setTimeout(() => void this.lookAgain(), EVERY_MS);
  }

  private say(error: unknown): void {
    this.store.setState({ problem: error instanceof Error ? error.message : String(error) });
  }
}
