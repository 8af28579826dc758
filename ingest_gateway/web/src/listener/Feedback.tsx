import { useState } from "react";
import { useText, type MessageId } from "../shared/i18n";
import { useListener, useSession } from "./in_page";

/** What listeners may say of how they hear. */
export type FeedbackKind = "cannotHear" | "good" | "poor";

/** Nobody need say it more often. */
const AGAIN_MS = 30_000;

/** Tells the speaker, and the operators of the talk. */
export function CannotHear() {
  const text = useText();
  const { send, answer, isWaiting } = useFeedback();
  return (
    <p className="cannot-hear">
      <button disabled={isWaiting} onClick={() => void send("cannotHear")}>
        {text.text("hear.cannot")}
      </button>{" "}
      <span aria-live="polite">{answer !== null && text.text(answer)}</span>
    </p>
  );
}

/** One tap when the talk is over. */
export function Verdict() {
  const text = useText();
  const { send, answer, isWaiting } = useFeedback("verdict.thanks");
  return (
    <section className="verdict" aria-labelledby="verdict">
      <h2 id="verdict">{text.text("verdict.ask")}</h2>
      {!isWaiting && (
        <p className="ways-on">
          <button onClick={() => void send("good")}>{text.text("verdict.good")}</button>
          <button onClick={() => void send("poor")}>{text.text("verdict.poor")}</button>
        </p>
      )}
      <p aria-live="polite">{answer !== null && text.text(answer)}</p>
    </section>
  );
}

/** `told`: what is said when it got through. */
function useFeedback(told: MessageId = "hear.told") {
  const session = useSession();
  const sessionId = useListener((state) => state.sessionId);
  const key = useListener((state) => state.key);
  const accessCode = useListener((state) => state.accessCode);
  const [answer, setAnswer] = useState<MessageId | null>(null);
  const [isWaiting, setWaiting] = useState(false);
  const send = async (kind: FeedbackKind) => {
    if (sessionId === null) return;
    setWaiting(true);
    const isTold = await session.needs.sendFeedback(sessionId, { key, accessCode }, kind);
    setAnswer(isTold ? told : "hear.later");
    if (!isTold) setWaiting(false);
    else if (kind === "cannotHear") {
      setTimeout(() => {
        setWaiting(false);
        setAnswer(null);
      }, AGAIN_MS);
    }
  };
  return { send, answer, isWaiting };
}
