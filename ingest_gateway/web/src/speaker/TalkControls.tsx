import { useRef } from "react";
import { useStore } from "zustand";
import { end, mute, pause } from "./speaking";
import { speakerStore } from "./store";

const IN_WORDS = {
  live: "Live",
  paused: "Paused",
  muted: "Muted",
  ended: "Ended",
} as const;

export function TalkControls() {
  const state = useStore(speakerStore, (store) => store.state);
  const connected = useStore(speakerStore, (store) => store.connected);
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
            pause(state !== "paused");
          }}
        >
          {state === "paused" ? "Resume" : "Pause"}
        </button>
        <button
          aria-pressed={state === "muted"}
          disabled={state === "paused"}
          onClick={() => {
            mute(state !== "muted");
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
            <button className="danger" onClick={() => void end()}>
              End the talk
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
