import type { ErrorMessage } from "../protocol/messages";

const IN_WORDS: Readonly<Record<string, string>> = {
  SPEAKER_TAKEN: "You speak into this talk from another page now. It goes on there.",
  NO_SESSION: "There is no such talk any more.",
  SESSION_ENDED: "Somebody has ended this talk, or it was without a speaker for too long.",
  UNAUTHORIZED: "Your token is not valid any more. Begin a new talk with another one.",
  NOT_SPEAKER: "This talk belongs to somebody else.",
};

/** Why a talk is over in this page; otherwise in the gateway's own words. */
export function refusalInWords({ code, message }: Pick<ErrorMessage, "code" | "message">): string {
  return IN_WORDS[code] ?? `The gateway refused: ${message}.`;
}
