import type { Words } from "../shared/i18n";
import type { TalkReport } from "./talk_protocol";

const SLOW_ACK_MS = 2000;
const MUCH_UNSAVED_MS = 4000;

export interface ConnectionInWords {
  readonly good: boolean;
  readonly words: Words;
}

type Seen = Pick<TalkReport, "connected" | "unsavedMs" | "savedMs" | "lostMs" | "ackMs">;

/** The connection as a speaker wants to know it: does what I say get through? */
export function connectionInWords(report: Seen): ConnectionInWords {
  const { connected, lostMs, unsavedMs, savedMs, ackMs } = report;
  const lost = inSeconds(lostMs);
  const seconds = inSeconds(savedMs);
  const bad = (words: Words) => ({ good: false, words });
  if (!connected && lostMs > 0) return bad({ id: "connection.losing", values: { lost } });
  const waiting = { seconds: inSeconds(unsavedMs) };
  if (!connected) return bad({ id: "connection.none", values: waiting });
  if (unsavedMs > MUCH_UNSAVED_MS) return bad({ id: "connection.onItsWay", values: waiting });
  if (ackMs !== null && ackMs > SLOW_ACK_MS) {
    return bad({ id: "connection.slow", values: { seconds } });
  }
  if (lostMs > 0) return bad({ id: "connection.goodAgain", values: { seconds, lost } });
  return { good: true, words: { id: "connection.good", values: { seconds } } };
}

function inSeconds(ms: number): number {
  return Math.round(ms / 1000);
}
