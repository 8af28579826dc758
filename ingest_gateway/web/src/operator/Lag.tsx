import { durationInWords } from "./in_words";
import type { LanguageLag, Operations, Spread } from "./operations";
import { WideTable } from "./WideTable";

/** How late clips are, and in which stage the time goes, by language. */
export function Lag({ operations }: { readonly operations: Operations }) {
  const { lag, windowS } = operations;
  const stages = [...new Set(lag.flatMap((one) => one.stages.map(({ stage }) => stage)))];
  return (
    <section className="card" aria-labelledby="lag">
      <h2 id="lag">Lag by language and stage</h2>
      {lag.length === 0 ? (
        <p className="quiet">No clip went out in the last {durationInWords(windowS * 1000)}.</p>
      ) : (
        <>
          <p className="quiet">
            Of the last {durationInWords(windowS * 1000)}: half of the clips took at most the first
            time, 95 of 100 the second. The lag is from the end of an utterance until its clip went
            out; the stages begin with its first sample, so they hold the time it took to say it.
          </p>
          <WideTable
            label="Lag by language and stage"
            headings={["Language", "Clips", "Skipped", "Lag", ...stages]}
          >
            {lag.map((one) => (
              <Row key={one.language} lag={one} stages={stages} />
            ))}
          </WideTable>
        </>
      )}
    </section>
  );
}

function Row({ lag, stages }: { readonly lag: LanguageLag; readonly stages: readonly string[] }) {
  return (
    <tr>
      <th scope="row">{lag.language}</th>
      <td>{lag.clips}</td>
      <td>{lag.skipped}</td>
      <td>{inWords(lag.lag)}</td>
      {stages.map((name) => (
        <td key={name}>{inWords(lag.stages.find(({ stage }) => stage === name) ?? null)}</td>
      ))}
    </tr>
  );
}

function inWords(spread: Spread | null): string {
  return spread === null ? "–" : `${durationInWords(spread.p50)}, ${durationInWords(spread.p95)}`;
}
