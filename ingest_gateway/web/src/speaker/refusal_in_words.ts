import type { ErrorMessage } from "../protocol/messages";
import type { MessageId, Words } from "../shared/i18n";

const BY_CODE: Readonly<Record<string, MessageId>> = {
  SPEAKER_TAKEN: "problem.takenOver",
  NO_SESSION: "problem.noSession",
  SESSION_ENDED: "problem.sessionEnded",
  UNAUTHORIZED: "problem.badToken",
  NOT_SPEAKER: "problem.notSpeaker",
};

/** Why a talk is over in this page; otherwise the gateway's own words. */
export function refusalInWords({ code, message }: Pick<ErrorMessage, "code" | "message">): Words {
  const id = BY_CODE[code];
  return id === undefined ? { id: "problem.refused", values: { reason: message } } : { id };
}
