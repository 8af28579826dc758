import type { Operations, Point } from "./operations";

const HISTORY_MS = 3_600_000;

export interface OperatorState {
  /** Whether people sign in for their token; otherwise they bring one. */
  readonly canSignIn: boolean;
  /** Null: a token is asked for. */
  readonly token: string | null;
  /** The last answer; null: there was none yet. */
  readonly operations: Operations | null;
  /** The last hour, put together from all answers. */
  readonly history: readonly Point[];
  /** What is wrong, and what is done about it. */
  readonly problem: string | null;
}

export const NOTHING_YET: OperatorState = {
  canSignIn: false,
  token: null,
  operations: null,
  history: [],
  problem: null,
};

/** Which moments are known: the next answer brings those behind it. */
export function knownUntilMs(state: OperatorState): number {
  return state.history.at(-1)?.at ?? 0;
}

export function withAnswer(state: OperatorState, answer: Operations): OperatorState {
  const known = knownUntilMs(state);
  const history = [...state.history, ...answer.history.filter((point) => point.at > known)];
  return {
    ...state,
    operations: answer,
    history: history.filter((point) => point.at > answer.at - HISTORY_MS),
    problem: null,
  };
}

/** Nothing of what was shown is left. */
export function withoutToken(state: OperatorState, problem: string | null): OperatorState {
  return { ...NOTHING_YET, canSignIn: state.canSignIn, problem };
}

/** After a refusal or no answer. A token that is no good is forgotten; what was shown stays only
 *  while the next answer may come. */
export function withFailure(state: OperatorState, code: string, message: string): OperatorState {
  if (code === "UNAUTHORIZED") {
    return withoutToken(state, "This token is not valid, or not any more.");
  }
  if (code === "FORBIDDEN") {
    return withoutToken(state, "This token is not an operator's.");
  }
  return { ...state, problem: `${message} Trying again.` };
}
