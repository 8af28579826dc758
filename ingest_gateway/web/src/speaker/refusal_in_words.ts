import type { ErrorMessage } from "../protocol/messages";
import { RtcError } from "../protocol/rtc_line";
import type { MessageId, Words } from "../shared/i18n";
import { SignInError } from "../shared/sign_in";
import { RefusedError } from "./account";

const ENDS_BY_CODE: Readonly<Record<string, MessageId>> = {
  SPEAKER_TAKEN: "problem.takenOver",
  NO_SESSION: "problem.noSession",
  SESSION_ENDED: "problem.sessionEnded",
  UNAUTHORIZED: "problem.badToken",
  NOT_SPEAKER: "problem.notSpeaker",
};

/** Why a talk is over in this page; otherwise the gateway's own words. */
export function refusalInWords({ code, message }: Pick<ErrorMessage, "code" | "message">): Words {
  const id = ENDS_BY_CODE[code];
  return id === undefined ? { id: "problem.refused", values: { reason: message } } : { id };
}

/** Refusals that this page meets itself; others come with the gateway's words. */
const BY_CODE: Readonly<Record<string, MessageId>> = {
  UNREACHABLE: "problem.unreachable",
  NOT_CONNECTED: "problem.unreachable",
  SIGNED_OUT: "problem.signInFirst",
  NOT_OPEN: "problem.notOpen",
  STAGE_TAKEN: "problem.stageTaken",
  TALK_OVER: "problem.talkOver",
  NO_ROOM: "problem.badLink",
};

/** What a browser says when it gives no microphone, by the error's name. */
const BY_NAME: Readonly<Record<string, MessageId>> = {
  InsecureContextError: "microphone.insecure",
  NotAllowedError: "microphone.refused",
  NotFoundError: "microphone.none",
  OverconstrainedError: "microphone.notThere",
  NetworkError: "problem.unreachable",
  NotReadableError: "microphone.taken",
};

/** What went wrong on this page's side, or at what it asked for. */
export function inWords(error: unknown): Words {
  if (error instanceof SignInError) {
    return { id: `signIn.${error.fault}`, values: { reason: error.reason } };
  }
  if (!(error instanceof RefusedError || error instanceof RtcError)) {
    const name = error instanceof Error || error instanceof DOMException ? error.name : "";
    return { id: BY_NAME[name] ?? "microphone.failed" };
  }
  const id = BY_CODE[error.code];
  return id === undefined ? { id: "problem.refused", values: { reason: error.message } } : { id };
}
