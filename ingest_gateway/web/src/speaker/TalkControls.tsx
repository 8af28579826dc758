import { useSession, useSpeaker } from "./in_page";
import { useRef } from "react";

const IN_WORDS = {
  live: "Live",
  paused: "Paused",
  muted: "Muted",
  ended: "Ended",
} as const;

export function TalkControls() {
  const session = useSession();
  const state = useSpeaker((store) => store.state);
  const connected = useSpeaker((store) => store.connected);
  const asking = useRef<HTMLDialogElement>(null);
  return (
    <>
      <p className={`state ${connected ? state : "waiting"}`} role="status">
        {connected ? IN_WORDS[state] : "Connecting … what you say is kept"}
      </p>
      <div className="controls">
        <button
          aria-pressed={state === "paused"}
          onClick={() => {
            session.pause(state !== "paused");
          }}
        >
          {state === "paused" ? "Resume" : "Pause"}
        </button>
        <button
          aria-pressed={state === "muted"}
          disabled={state === "paused"}
          onClick={() => {
            session.mute(state !== "muted");
          }}
        >
          {state === "muted" ? "Unmute" : "Mute"}
        </button>
        <button className="danger" onClick={() => asking.current?.showModal()}>
          End …
        </button>
      </div>
      <dialog ref={asking} aria-labelledby="end-title">
        <form method="dialog">
          <h2 id="end-title">End the talk?</h2>
          <p>Listeners hear what was said until now, then it is over for everybody.</p>
          <div className="controls">
            <button autoFocus>Go on speaking</button>
            <button className="danger" onClick={() => void session.end()}>
              End the talk
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
