import type { ErrorMessage } from "../protocol/messages";
import type { Words } from "../shared/i18n";

export interface JoinProblem {
  readonly words: Words;
  /** Try again by itself; let the person choose anew; or there is nothing to join any more. */
  readonly then: "again" | "choose" | "over";
}

/** A refusal in words, and what follows from it; null: the listener need not know. */
export function joinProblem(error: ErrorMessage, sessionId: string): JoinProblem | null {
  switch (error.code) {
    case "NO_SESSION":
      return { words: { id: "join.none", values: { name: sessionId } }, then: "choose" };
    case "SESSION_ENDED":
      return { words: { id: "state.ended" }, then: "over" };
    case "BAD_LANGUAGE":
      return { words: { id: "join.badLanguage" }, then: "choose" };
    case "RATE_LIMITED":
      return { words: { id: "join.full" }, then: "again" };
    case "INTERNAL":
      return { words: { id: "join.internal" }, then: "again" };
    default:
      return null;
  }
}
