import { useSession, useSpeaker } from "./in_page";
import { useText } from "../shared/i18n";
import { useRef } from "react";

const IN_WORDS = {
  live: "talk.live",
  paused: "talk.paused",
  muted: "talk.muted",
  ended: "talk.ended",
} as const;

export function TalkControls() {
  const session = useSession();
  const text = useText();
  const state = useSpeaker((store) => store.state);
  const connected = useSpeaker((store) => store.connected);
  const asking = useRef<HTMLDialogElement>(null);
  return (
    <>
      <p className={`state ${connected ? state : "waiting"}`} role="status">
        {text.text(connected ? IN_WORDS[state] : "talk.connecting")}
      </p>
      <div className="controls">
        <button
          aria-pressed={state === "paused"}
          onClick={() => {
            session.pause(state !== "paused");
          }}
        >
          {text.text(state === "paused" ? "talk.resume" : "talk.pause")}
        </button>
        <button
          aria-pressed={state === "muted"}
          disabled={state === "paused"}
          onClick={() => {
            session.mute(state !== "muted");
          }}
        >
          {text.text(state === "muted" ? "talk.unmute" : "talk.mute")}
        </button>
        <button className="danger" onClick={() => asking.current?.showModal()}>
          {text.text("talk.end")}
        </button>
      </div>
      <dialog ref={asking} aria-labelledby="end-title">
        <form method="dialog">
          <h2 id="end-title">{text.text("end.title")}</h2>
          <p>{text.text("end.text")}</p>
          <div className="controls">
            <button autoFocus>{text.text("end.goOn")}</button>
            <button className="danger" onClick={() => void session.end()}>
              {text.text("end.end")}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
