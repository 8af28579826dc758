import { Fragment, memo, useEffect, useMemo, useRef, useState } from "react";
import { useText } from "../shared/i18n";
import { directionOf } from "../shared/language_table";
import { paragraphsOf, spaceOf, type CaptionLine, type Paragraph, type Sentence } from "./captions";
import { useListener, useSession } from "./in_page";
import { previewOf, withUnvoiced } from "./released";

const NEAR_END_PX = 60;
/** Utterances that a screen reader may still be reading. */
const READ_ALOUD = 3;

/** The talk to read: sentences that flow in paragraphs. It follows what is new, unless the reader
 * reads further up. What is released is shown ahead of its voice, what is coming behind it. */
export function Captions() {
  const text = useText();
  const voiced = useListener((state) => state.lines);
  const released = useListener((state) => state.released);
  const partial = useListener((state) => state.partial);
  const language = useListener((state) => state.language) ?? "";
  const source = useListener((state) => state.sourceLanguage) ?? "";
  const showOriginal = useListener((state) => state.showOriginal);
  const isOver = useListener((state) => state.phase === "over");
  const mode = useListener((state) => state.mode);
  const lines = useMemo(() => withUnvoiced(voiced, released), [voiced, released]);
  const paragraphs = useMemo(() => paragraphsOf(lines), [lines]);
  const box = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(true);
  // Known at once: a resize observer may run between a reader's scroll and the next render.
  const isFollowing = useRef(true);
  const follow = (isAtEnd: boolean) => {
    isFollowing.current = isAtEnd;
    setFollows(isAtEnd);
  };
  // What is coming is shown in the reader's language where that is told, else as it is said.
  const isOwnPartial = partial !== null && partial.language === language;
  const coming = isOwnPartial ? partial.text : previewOf(released);
  const isSaidShown = !isOwnPartial && (showOriginal || released.length === 0);
  const said = isSaidShown ? partial : null;
  // Also when the text or the window has another size now.
  useEffect(() => {
    const shown = box.current;
    if (!follows || shown === null) return undefined;
    const toEnd = () => {
      if (isFollowing.current) shown.scrollTo({ top: shown.scrollHeight });
    };
    toEnd();
    const observer = new ResizeObserver(toEnd);
    observer.observe(shown);
    for (const part of shown.children) observer.observe(part);
    return () => {
      observer.disconnect();
    };
  }, [lines, coming, said, follows, showOriginal, mode]);
  if (mode === "sound") {
    return (
      <div className="captions">
        <p className="transcript quiet">{text.text("captions.hidden")}</p>
      </div>
    );
  }
  return (
    <div className="captions">
      <div
        ref={box}
        className="transcript"
        role="region"
        aria-label={text.text("captions.label")}
        tabIndex={0}
        onKeyDown={moveBetweenSentences}
        onScroll={({ currentTarget: at }) => {
          follow(at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_END_PX);
        }}
      >
        {lines.length === 0 && (
          <p className="quiet">{text.text(isOver ? "captions.over" : "captions.empty")}</p>
        )}
        {paragraphs.map((paragraph, index) => (
          <ShownParagraph
            key={paragraph.number}
            paragraph={paragraph}
            language={language}
            source={source}
            showOriginal={showOriginal}
            coming={index === paragraphs.length - 1 ? coming : ""}
          />
        ))}
        {lines.length === 0 && coming !== "" && (
          <p lang={language} dir={directionOf(language)} className="preview" aria-hidden>
            {coming}
          </p>
        )}
        {said !== null && (
          <p
            className="original partial"
            lang={said.language}
            dir={directionOf(said.language)}
            aria-hidden
          >
            {said.text}
          </p>
        )}
      </div>
      <ReadAloud lines={voiced} language={language} />
      {!follows && (
        <button
          className="to-end"
          onClick={() => {
            follow(true);
          }}
        >
          <span aria-hidden>↓ </span>
          {text.text("captions.newest")}
        </button>
      )}
    </div>
  );
}

interface ParagraphProps {
  readonly paragraph: Paragraph;
  readonly language: string;
  readonly source: string;
  readonly showOriginal: boolean;
  readonly coming: string;
}

const ShownParagraph = memo(function ShownParagraph(props: ParagraphProps) {
  const { paragraph, language, source, showOriginal, coming } = props;
  const space = spaceOf(language);
  const original = paragraph.sentences
    .flatMap(({ pieces }) => pieces.map((piece) => piece.original))
    .filter(Boolean)
    .join(spaceOf(source));
  return (
    <div className="paragraph">
      <p lang={language} dir={directionOf(language)}>
        {paragraph.sentences.map((sentence, index) => (
          <Fragment key={sentence.pieces[0]?.number}>
            {index > 0 && space}
            <ShownSentence sentence={sentence} space={space} />
          </Fragment>
        ))}
        {coming !== "" && (
          <span className="preview" aria-hidden>
            {space + coming}
          </span>
        )}
      </p>
      {showOriginal && original !== "" && (
        <p className="original" lang={source} dir={directionOf(source)}>
          {original}
        </p>
      )}
    </div>
  );
}, isSameParagraph);

function ShownSentence({
  sentence,
  space,
}: {
  readonly sentence: Sentence;
  readonly space: string;
}) {
  const session = useSession();
  const text = useText();
  const numbers = sentence.pieces.filter((piece) => piece.hasClip).map((piece) => piece.number);
  const pieces = sentence.pieces.map((piece, index) => (
    <Fragment key={piece.number}>
      {index > 0 && space}
      <Piece piece={piece} />
    </Fragment>
  ));
  if (numbers.length === 0) return <>{pieces}</>;
  const replay = () => void session.replay(numbers);
  return (
    <span
      className="sentence"
      role="button"
      tabIndex={-1}
      title={text.text("captions.again")}
      onClick={() => {
        // Who marks text to copy it wants no sound.
        if (getSelection()?.isCollapsed !== false) replay();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        replay();
      }}
    >
      {pieces}
    </span>
  );
}

function Piece({ piece }: { readonly piece: CaptionLine }) {
  const text = useText();
  const isMissing = piece.state === "missing" && piece.text === "";
  return (
    <span className={`piece ${piece.state}`} data-number={piece.number}>
      {isMissing ? text.text("captions.missing") : piece.text}
    </span>
  );
}

/** For screen readers: what is new, politely. What a page shows may be marked, moved and grow. */
function ReadAloud(props: { readonly lines: readonly CaptionLine[]; readonly language: string }) {
  const { lines, language } = props;
  return (
    <div className="unseen" role="log" aria-live="polite" lang={language}>
      {lines.slice(-READ_ALOUD).map((line) => (
        <p key={line.number}>{line.text}</p>
      ))}
    </div>
  );
}

/** Arrow keys go from sentence to sentence, so that they are one stop of the tab key. */
function moveBetweenSentences(event: React.KeyboardEvent<HTMLElement>): void {
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
  const step = steps[event.key];
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>(".sentence")];
  if (step === undefined || all.length === 0) return;
  const at = all.findIndex((one) => one === document.activeElement);
  const next = at === -1 ? all.at(-1) : all[at + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}

function isSameParagraph(one: ParagraphProps, other: ParagraphProps): boolean {
  return (
    one.language === other.language &&
    one.source === other.source &&
    one.showOriginal === other.showOriginal &&
    one.coming === other.coming &&
    one.paragraph.sentences.length === other.paragraph.sentences.length &&
    one.paragraph.sentences.every(({ pieces }, at) => {
      const others = other.paragraph.sentences[at]?.pieces ?? [];
      return (
        pieces.length === others.length && pieces.every((piece, index) => piece === others[index])
      );
    })
  );
}
