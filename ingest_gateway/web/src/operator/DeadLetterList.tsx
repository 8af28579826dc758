import { agoInWords, countsInWords } from "./in_words";
import type { Operations } from "./operations";
import { WideTable } from "./WideTable";

/** What could not be done: how much in each step, and the newest by name. */
export function DeadLetterList({ operations }: { readonly operations: Operations }) {
  const { deadLetters, at } = operations;
  const counts = countsInWords(deadLetters.byStep);
  return (
    <section className="card" aria-labelledby="letters">
      <h2 id="letters">Dead letters</h2>
      <p className="quiet">
        {deadLetters.since === null
          ? "Nobody has looked for them yet."
          : `In the last hour: ${counts || "none"}${deadLetters.complete ? "" : ", and more"}.`}
      </p>
      {deadLetters.problem !== null && (
        <p className="problem">They cannot be read now: {deadLetters.problem}.</p>
      )}
      {deadLetters.newest.length > 0 && (
        <WideTable label="The newest dead letters" headings={["Step", "Cause", "What", "Ago"]}>
          {deadLetters.newest.map((letter) => (
            <tr key={`${letter.step} ${letter.key} ${String(letter.at)}`}>
              <th scope="row">{letter.step}</th>
              <td>{letter.cause}</td>
              <td>{letter.key}</td>
              <td>{agoInWords(letter.at, at)}</td>
            </tr>
          ))}
        </WideTable>
      )}
    </section>
  );
}
