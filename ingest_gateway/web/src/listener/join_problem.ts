import type { ErrorMessage } from "../protocol/messages";

export interface JoinProblem {
  readonly text: string;
  /** Try again by itself; let the person choose anew; or there is nothing to join any more. */
  readonly then: "again" | "choose" | "over";
}

/** A refusal in words, and what follows from it; null: the listener need not know. */
export function joinProblem(error: ErrorMessage, sessionId: string): JoinProblem | null {
  switch (error.code) {
    case "NO_SESSION":
      return {
        text: `There is no talk called “${sessionId}”. Look at its name again: three parts, with hyphens.`,
        then: "choose",
      };
    case "SESSION_ENDED":
      return { text: "This talk has ended.", then: "over" };
    case "BAD_LANGUAGE":
      return { text: `Choose another language: ${error.message}.`, then: "choose" };
    case "RATE_LIMITED":
      return { text: "Many people are joining right now. You will be let in soon.", then: "again" };
    case "INTERNAL":
      return { text: "The service does not answer; trying again.", then: "again" };
    default:
      return null;
  }
}
