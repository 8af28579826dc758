// The gateway's document for operators (`ingest_gateway/operations/document.py`), and how it is
// asked for. Times are the gateway's, in milliseconds; what is null is not known.
import { asked } from "../speaker/account";

export interface Session {
  readonly sessionId: string;
  readonly sourceLanguage: string;
  readonly targetLanguages: readonly string[];
  readonly state: "live" | "paused" | "muted" | "ended";
  readonly hasSpeaker: boolean;
  readonly createdAt: number;
  readonly listeners: Readonly<Record<string, number>>;
  readonly lagMs: Readonly<Record<string, number>>;
  readonly lastChunkAt: number | null;
  readonly lastClipAt: number | null;
  readonly waitingRecords: number;
  readonly oldestWaitingAt: number | null;
  /** How often listeners said `cannotHear`, `good` and `poor`. */
  readonly feedback?: Readonly<Record<string, number>>;
}

export interface Spread {
  readonly p50: number;
  readonly p95: number;
}

export interface LanguageLag {
  readonly language: string;
  readonly clips: number;
  readonly skipped: number;
  readonly lag: Spread | null;
  readonly stages: readonly (Spread & { readonly stage: string })[];
}

export interface Waiting {
  readonly records: number;
  readonly oldestAt: number | null;
}

export interface Letter {
  readonly step: string;
  readonly cause: string;
  readonly key: string;
  readonly at: number;
  readonly sessionId: string | null;
}

export interface DeadLetters {
  readonly since: number | null;
  readonly byStep: Readonly<Record<string, number>>;
  readonly complete: boolean;
  readonly newest: readonly Letter[];
  readonly problem: string | null;
}

/** One moment of the pictures. */
export interface Point {
  readonly at: number;
  readonly sessions: number;
  readonly listeners: number;
  readonly waitingRecords: number;
  readonly oldestWaitingMs: number;
  readonly deadLetters: number;
  readonly lagP95Ms: Readonly<Record<string, number>>;
}

export interface Operations {
  readonly at: number;
  readonly gatewayId: string;
  readonly flinkUrl: string | null;
  readonly windowS: number;
  readonly historyEveryS: number;
  readonly sessions: readonly Session[];
  readonly lag: readonly LanguageLag[];
  readonly backlog: { readonly unstored: Waiting; readonly undelivered: Waiting };
  readonly deadLetters: DeadLetters;
  readonly history: readonly Point[];
}

/** With the moments of the pictures behind `sinceMs`. Throws RefusedError. */
export function fetchOperations(token: string, sinceMs: number): Promise<Operations> {
  return asked<Operations>(`/operations?since=${String(sinceMs)}`, {
    headers: { authorization: `Bearer ${token}` },
    cache: "no-store",
  });
}
