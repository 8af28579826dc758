import { agoInWords, durationInWords, sumOf } from "./in_words";
import type { Operations, Waiting } from "./operations";

/** The few figures that say whether all is well. */
export function Overview({ operations }: { readonly operations: Operations }) {
  const { sessions, lag, backlog, deadLetters, at } = operations;
  const goingOn = sessions.filter(({ state }) => state !== "ended");
  const listeners = goingOn.reduce((sum, one) => sum + sumOf(one.listeners), 0);
  const slowest = Math.max(...lag.map((one) => one.lag?.p95 ?? 0), 0);
  return (
    <dl className="figures">
      <Figure name="Sessions" value={String(goingOn.length)} />
      <Figure name="Listeners" value={String(listeners)} />
      <Figure name="Slowest lag" value={slowest > 0 ? durationInWords(slowest) : "–"} />
      <Figure name="Not stored yet" {...waitingInWords(backlog.unstored, at)} />
      <Figure name="Not delivered yet" {...waitingInWords(backlog.undelivered, at)} />
      <Figure
        name="Dead letters in 1 h"
        value={deadLetters.since === null ? "–" : String(sumOf(deadLetters.byStep))}
      />
    </dl>
  );
}

function waitingInWords(waiting: Waiting, nowMs: number): { value: string; more?: string } {
  const value = String(waiting.records);
  if (waiting.oldestAt === null) return { value };
  return { value, more: `oldest ${agoInWords(waiting.oldestAt, nowMs)}` };
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly more?: string;
}

function Figure({ name, value, more }: FigureProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} {more !== undefined && <small>{more}</small>}
      </dd>
    </div>
  );
}
