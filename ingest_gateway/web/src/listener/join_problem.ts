import type { ErrorMessage } from "../protocol/messages";
import type { Words } from "../shared/i18n";

export interface JoinProblem {
  /** Null: what follows says it. */
  readonly words: Words | null;
  /** Try again by itself; let the person choose anew, or type the access code; or there is nothing
   * to join any more. */
  readonly then: "again" | "choose" | "code" | "over";
  /** Before the next attempt, where the gateway does not say it. */
  readonly afterMs?: number;
}

/** A talk that is locked may be opened. */
const KNOCK_AGAIN_MS = 10_000;

/** A refusal in words, and what follows from it; null: the listener need not know. `code`: that was
 * shown. */
export function joinProblem(
  error: ErrorMessage,
  sessionId: string,
  code: string | null = null,
): JoinProblem | null {
  switch (error.code) {
    case "NO_SESSION":
      return { words: { id: "join.none", values: { name: sessionId } }, then: "choose" };
    case "SESSION_ENDED":
      return { words: { id: "state.ended" }, then: "over" };
    case "BAD_LANGUAGE":
      return { words: { id: "join.badLanguage" }, then: "choose" };
    case "RATE_LIMITED":
      return { words: { id: "join.full" }, then: "again" };
    case "ACCESS_CODE":
      return { words: code === null ? null : { id: "join.wrongCode" }, then: "code" };
    case "LOCKED":
      return { words: { id: "join.locked" }, then: "again", afterMs: KNOCK_AGAIN_MS };
    case "REMOVED":
      return { words: { id: "join.removed" }, then: "choose" };
    case "INTERNAL":
      return { words: { id: "join.internal" }, then: "again" };
    default:
      return null;
  }
}
