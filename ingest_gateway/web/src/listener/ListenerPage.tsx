import { useStore } from "zustand";
import { Captions } from "./Captions";
import { Downloads } from "./Downloads";
import { JoinForm } from "./JoinForm";
import { LanguageChoice } from "./LanguageChoice";
import { leave, startSound } from "./listening";
import { PlayerControls } from "./PlayerControls";
import { listenerStore } from "./store";

export function ListenerPage() {
  const phase = useStore(listenerStore, (state) => state.phase);
  const sessionId = useStore(listenerStore, (state) => state.sessionId);
  const problem = useStore(listenerStore, (state) => state.problem);
  const isIn = phase !== "asking" && sessionId !== null;
  return (
    <>
      <header>
        <h1>Listen</h1>
        {isIn && <span className="session">{sessionId}</span>}
        {isIn && (
          <button className="plain" onClick={leave}>
            Leave
          </button>
        )}
      </header>
      <main className="listener">
        {problem !== null && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        {isIn ? <Inside /> : <JoinForm />}
      </main>
    </>
  );
}

function Inside() {
  const soundBlocked = useStore(listenerStore, (state) => state.soundBlocked);
  return (
    <>
      <div className="bar">
        <LanguageChoice />
        <TalkState />
      </div>
      {soundBlocked && (
        <button className="primary tap" onClick={() => void startSound()}>
          Tap to start the sound
        </button>
      )}
      <Captions />
      <PlayerControls />
      <Downloads />
    </>
  );
}

function TalkState() {
  const phase = useStore(listenerStore, (state) => state.phase);
  const state = useStore(listenerStore, (store) => store.state);
  if (phase === "joining")
    return (
      <p className="state waiting" role="status">
        Connecting …
      </p>
    );
  const shown = phase === "over" ? "ended" : state;
  const words = {
    live: "Live",
    paused: "The speaker pauses",
    muted: "The speaker is muted",
    ended: "The talk has ended",
  }[shown];
  return (
    <p className={`state ${shown}`} role="status">
      {words}
    </p>
  );
}
