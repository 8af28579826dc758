import { agoInWords, countsInWords, durationInWords } from "./in_words";
import type { Operations, Session } from "./operations";
import { WideTable } from "./WideTable";

const HEADINGS = [
  "Session",
  "Languages",
  "State",
  "Listeners",
  "Age",
  "Last audio",
  "Last clip",
  "Heard after",
  "Waiting",
  "Cannot hear",
  "Verdict",
];

/** Every session that this gateway serves. */
export function Sessions({ operations }: { readonly operations: Operations }) {
  const { sessions, at } = operations;
  return (
    <section className="card" aria-labelledby="sessions">
      <h2 id="sessions">Sessions</h2>
      {sessions.length === 0 ? (
        <p className="quiet">Nobody speaks.</p>
      ) : (
        <WideTable label="Sessions" headings={HEADINGS}>
          {sessions.map((session) => (
            <Row key={session.sessionId} session={session} nowMs={at} />
          ))}
        </WideTable>
      )}
    </section>
  );
}

function Row({ session, nowMs }: { readonly session: Session; readonly nowMs: number }) {
  const waiting =
    session.waitingRecords === 0
      ? "none"
      : `${String(session.waitingRecords)}, ${agoInWords(session.oldestWaitingAt, nowMs)}`;
  return (
    <tr>
      <th scope="row">{session.sessionId}</th>
      <td>
        {session.sourceLanguage} → {session.targetLanguages.join(", ") || "any"}
      </td>
      <td>
        {session.state}
        {!session.hasSpeaker && session.state !== "ended" && ", no speaker"}
      </td>
      <td>{countsInWords(session.listeners) || "none"}</td>
      <td>{durationInWords(nowMs - session.createdAt)}</td>
      <td>{agoInWords(session.lastChunkAt, nowMs)}</td>
      <td>{agoInWords(session.lastClipAt, nowMs)}</td>
      <td>{lagInWords(session.lagMs)}</td>
      <td>{waiting}</td>
      <td>{session.feedback?.cannotHear ?? 0}</td>
      <td>{verdictInWords(session.feedback)}</td>
    </tr>
  );
}

function verdictInWords(feedback: Session["feedback"]): string {
  const [good, poor] = [feedback?.good ?? 0, feedback?.poor ?? 0];
  return good + poor === 0 ? "–" : `${String(good)} good, ${String(poor)} poor`;
}

function lagInWords(lagMs: Readonly<Record<string, number>>): string {
  const languages = Object.keys(lagMs).sort();
  return languages.map((name) => `${name} ${durationInWords(lagMs[name] ?? 0)}`).join(", ") || "–";
}
