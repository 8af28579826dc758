import type { TalkReport } from "./talk_protocol";

const SLOW_ACK_MS = 2000;
const MUCH_UNSAVED_MS = 4000;

export interface InWords {
  readonly good: boolean;
  readonly text: string;
}

type Seen = Pick<TalkReport, "connected" | "unsavedMs" | "savedMs" | "lostMs" | "ackMs">;

/** The connection as a speaker wants to know it: does what I say get through? */
export function connectionInWords(report: Seen): InWords {
  const lost = seconds(report.lostMs);
  if (!report.connected && report.lostMs > 0) {
    return bad(`No connection. ${lost} s of speech could not be kept; the last 30 s are.`);
  }
  if (!report.connected) {
    return bad(`No connection: trying again. ${seconds(report.unsavedMs)} s of speech are kept.`);
  }
  if (report.unsavedMs > MUCH_UNSAVED_MS) {
    return bad(`Slow connection: ${seconds(report.unsavedMs)} s of speech are still on their way.`);
  }
  const missing = report.lostMs > 0 ? ` ${lost} s were lost while there was no connection.` : "";
  const saved = `${seconds(report.savedMs)} s of speech are stored.`;
  if (report.ackMs !== null && report.ackMs > SLOW_ACK_MS) return bad(`Slow connection. ${saved}`);
  return { good: report.lostMs === 0, text: `Good connection. ${saved}${missing}` };
}

function bad(text: string): InWords {
  return { good: false, text };
}

function seconds(ms: number): string {
  return String(Math.round(ms / 1000));
}
