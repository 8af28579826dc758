import { useListener } from "./in_page";
import { memo, useEffect, useRef, useState } from "react";
import type { CaptionLine } from "./captions";

const NEAR_END_PX = 60;

/** The talk to read. It follows what is new, unless somebody reads further up. */
export function Captions() {
  const lines = useListener((state) => state.lines);
  const partial = useListener((state) => state.partial);
  const language = useListener((state) => state.language) ?? "";
  const source = useListener((state) => state.sourceLanguage) ?? "";
  const showOriginal = useListener((state) => state.showOriginal);
  const isOver = useListener((state) => state.phase === "over");
  const list = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(true);
  useEffect(() => {
    if (follows) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [lines, partial, follows, showOriginal]);
  return (
    <div className="captions">
      {/* A log tells a screen reader what is added; tabIndex lets the keyboard scroll it. */}
      <div
        ref={list}
        className="log"
        role="log"
        aria-label="Captions"
        tabIndex={0}
        onScroll={({ currentTarget: box }) => {
          setFollows(box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX);
        }}
      >
        <ol>
          {lines.length === 0 && (
            <li className="quiet">
              {isOver
                ? "This talk has ended. All of it can be saved below."
                : "Captions appear here when somebody speaks."}
            </li>
          )}
          {lines.map((line) => (
            <Line
              key={line.number}
              line={line}
              language={language}
              source={source}
              showOriginal={showOriginal}
            />
          ))}
          {partial !== null && (
            <li className="quiet partial" lang={partial.language} aria-hidden>
              {partial.text}
            </li>
          )}
        </ol>
      </div>
      {!follows && (
        <button
          className="to-end"
          onClick={() => {
            setFollows(true);
          }}
        >
          ↓ Newest
        </button>
      )}
    </div>
  );
}

interface LineProps {
  line: CaptionLine;
  language: string;
  source: string;
  showOriginal: boolean;
}

const Line = memo(function Line({ line, language, source, showOriginal }: LineProps) {
  const isMissing = line.state === "missing" && line.text === "";
  return (
    <li className={line.state} data-number={line.number}>
      {isMissing ? <span>(a sentence is missing)</span> : <span lang={language}>{line.text}</span>}
      {showOriginal && line.original !== "" && (
        <span className="original" lang={source}>
          {line.original}
        </span>
      )}
    </li>
  );
});
