import { type Area, highest, type Line, linePath, roundCeiling, timeSpan } from "./chart";
import { durationInWords } from "./in_words";

const AREA: Area = { width: 300, height: 90 };

interface Props {
  readonly title: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  /** The scale reaches at least so far, so that nothing looks like much. */
  readonly least: number;
  readonly inWords: (value: number) => string;
}

/** Lines over the last hour. What they end with is also said in words, for those who do not see
 *  or tell apart colours. */
export function LineChart({ title, times, lines, least, inWords }: Props) {
  const ceiling = roundCeiling(highest(lines), least);
  const { fromMs, toMs } = timeSpan(times);
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div className="plot">
        <span className="scale">{inWords(ceiling)}</span>
        <svg
          viewBox={`0 0 ${String(AREA.width)} ${String(AREA.height)}`}
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          {lines.map((line, index) => (
            <path
              key={line.name}
              className={styleOf(index)}
              d={linePath(times, line.values, ceiling, AREA)}
            />
          ))}
        </svg>
      </div>
      <p className="time" aria-hidden="true">
        <span>{durationInWords(toMs - fromMs)} ago</span>
        <span>now</span>
      </p>
      <ul className="legend">
        {lines.map((line, index) => (
          <li key={line.name} className={styleOf(index)}>
            {line.name} <b>{lastInWords(line, inWords)}</b>
          </li>
        ))}
      </ul>
    </figure>
  );
}

const STYLES = 6;

function styleOf(index: number): string {
  return `line-${String((index % STYLES) + 1)}`;
}

function lastInWords(line: Line, inWords: (value: number) => string): string {
  const last = line.values.at(-1) ?? null;
  return last === null ? "–" : inWords(last);
}
