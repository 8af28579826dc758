import { useListener, useSession } from "./in_page";
import { Captions } from "./Captions";
import { Downloads } from "./Downloads";
import { JoinForm } from "./JoinForm";
import { LanguageChoice } from "./LanguageChoice";
import { PlayerControls } from "./PlayerControls";

export function ListenerPage() {
  const session = useSession();
  const phase = useListener((state) => state.phase);
  const sessionId = useListener((state) => state.sessionId);
  const problem = useListener((state) => state.problem);
  const isIn = phase !== "asking" && sessionId !== null;
  return (
    <>
      <header>
        <h1>Listen</h1>
        {isIn && <span className="session">{sessionId}</span>}
        {isIn && (
          <button
            className="plain"
            onClick={() => {
              session.leave();
            }}
          >
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
  const session = useSession();
  const soundBlocked = useListener((state) => state.soundBlocked);
  return (
    <>
      <div className="bar">
        <LanguageChoice />
        <TalkState />
      </div>
      {soundBlocked && (
        <button className="primary tap" onClick={() => void session.startSound()}>
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
  const phase = useListener((state) => state.phase);
  const state = useListener((store) => store.state);
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
