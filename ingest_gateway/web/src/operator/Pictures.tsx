import { useOperator } from "./in_page";
import { lagLines } from "./chart";
import { durationInWords } from "./in_words";
import { LineChart } from "./LineChart";

/** How it went in the last hour. */
export function Pictures() {
  const history = useOperator((state) => state.history);
  const times = history.map((point) => point.at);
  return (
    <section className="card" aria-labelledby="pictures">
      <h2 id="pictures">Over time</h2>
      <div className="charts">
        <LineChart
          title="Lag, p95 of a minute"
          times={times}
          lines={lagLines(history)}
          least={2000}
          inWords={durationInWords}
        />
        <LineChart
          title="Oldest record that waits"
          times={times}
          lines={[{ name: "waits", values: history.map((point) => point.oldestWaitingMs) }]}
          least={5000}
          inWords={durationInWords}
        />
        <LineChart
          title="Listeners and sessions"
          times={times}
          lines={[
            { name: "listeners", values: history.map((point) => point.listeners) },
            { name: "sessions", values: history.map((point) => point.sessions) },
          ]}
          least={5}
          inWords={String}
        />
        <LineChart
          title="Dead letters in the hour before"
          times={times}
          lines={[{ name: "letters", values: history.map((point) => point.deadLetters) }]}
          least={5}
          inWords={String}
        />
      </div>
    </section>
  );
}
