import { useSession, useSpeaker } from "./in_page";
import { useState } from "react";
import { nativeName } from "../shared/languages";
import { Invitation } from "./Invitation";
import { LevelMeter } from "./LevelMeter";
import type { Phase } from "./store";
import { TalkControls } from "./TalkControls";
import type { Way } from "./talk_protocol";
import { TalkStatus } from "./TalkStatus";

export function SpeakerPage() {
  const phase = useSpeaker((state) => state.phase);
  const problem = useSpeaker((state) => state.problem);
  const isSpeaking = phase === "speaking";
  return (
    <>
      <header>
        <h1>Speak</h1>
        {!isSpeaking && <a href="/listen">I want to listen</a>}
      </header>
      <main className={isSpeaking ? "wide" : ""}>
        {problem !== null && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        {isSpeaking ? <Talking /> : <Preparing />}
      </main>
    </>
  );
}

function Preparing() {
  const session = useSession();
  const state = useSpeaker((state) => state);
  const [token, setToken] = useState("");
  const isStarting = state.phase === "starting";
  return (
    <section className="card" aria-labelledby="prepare">
      <h2 id="prepare">{heading(state.phase, state.problem)}</h2>
      {state.phase === "over" && state.sessionId !== null && (
        <p>
          {state.sessionId}: {Math.round(state.savedMs / 1000)} s of speech are stored.
        </p>
      )}
      {state.resumable !== null && (
        <p>
          <button
            className="primary"
            disabled={isStarting}
            onClick={() => void session.resumeTalk()}
          >
            Go on with {state.resumable}
          </button>
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void session.start(token.trim());
        }}
      >
        <label>
          I speak
          <select
            value={state.source}
            onChange={(event) => {
              session.choose("source", event.target.value);
            }}
          >
            {(state.sources.length > 0 ? state.sources : [state.source]).map((code) => (
              <option key={code} value={code} lang={code}>
                {nativeName(code)}
              </option>
            ))}
          </select>
        </label>
        <MicrophoneChoice />
        <details>
          <summary>More</summary>
          <label>
            Sound is sent every
            <select
              value={state.chunkSamples}
              onChange={(event) => {
                session.choose("chunkSamples", Number(event.target.value));
              }}
            >
              <option value={4096}>256 ms (least data)</option>
              <option value={2048}>128 ms</option>
              <option value={1024}>64 ms (least delay)</option>
            </select>
          </label>
          <label>
            Sound travels by
            <select
              value={state.way}
              onChange={(event) => {
                session.choose("way", event.target.value as Way);
              }}
            >
              <option value="websocket">WebSocket (loses nothing)</option>
              <option value="webrtc">WebRTC (for weak networks)</option>
            </select>
          </label>
        </details>
        {state.needsToken && (
          <label>
            Access token
            <input
              type="password"
              autoComplete="off"
              value={token}
              onChange={(event) => {
                setToken(event.target.value);
              }}
            />
          </label>
        )}
        {state.account === "signed out" ? (
          <button type="button" className="primary" onClick={() => void session.signIn()}>
            Sign in to speak
          </button>
        ) : (
          <button className="primary" disabled={isStarting}>
            {isStarting ? "Opening the microphone …" : "Start speaking"}
          </button>
        )}
        {state.account === "signed in" && (
          <button
            type="button"
            className="plain"
            disabled={isStarting}
            onClick={() => {
              session.signOut();
            }}
          >
            Sign out
          </button>
        )}
      </form>
    </section>
  );
}

/** A talk that another page took over goes on there. */
function heading(phase: Phase, problem: string | null): string {
  if (phase !== "over") return "A new talk";
  return problem === null ? "The talk has ended" : "This page does not speak any more";
}

function MicrophoneChoice() {
  const session = useSession();
  const microphones = useSpeaker((state) => state.microphones);
  const chosen = useSpeaker((state) => state.microphone);
  const isThere = microphones.some((one) => one.id === chosen);
  return (
    <label>
      Microphone
      <select
        value={isThere ? chosen : ""}
        onChange={(event) => void session.switchMicrophone(event.target.value)}
      >
        <option value="">The usual one</option>
        {microphones.map((one) => (
          <option key={one.id} value={one.id}>
            {one.label}
          </option>
        ))}
      </select>
    </label>
  );
}

function Talking() {
  return (
    <>
      <section className="card" aria-label="Your talk">
        <TalkControls />
        <LevelMeter />
        <MicrophoneChoice />
        <ListenersVolume />
        <OwnWords />
      </section>
      <div className="column">
        <Invitation />
        <TalkStatus />
      </div>
    </>
  );
}

function ListenersVolume() {
  const session = useSession();
  const volume = useSpeaker((state) => state.volume);
  return (
    <label>
      Listeners' volume
      <input
        type="range"
        min={0}
        max={1}
        step={0.05}
        value={volume}
        onChange={(event) => {
          session.setVolume(Number(event.target.value));
        }}
      />
    </label>
  );
}

function OwnWords() {
  const lines = useSpeaker((state) => state.ownLines);
  const source = useSpeaker((state) => state.source);
  return (
    <div className="own-words">
      <h2>What was heard</h2>
      {lines.length === 0 ? (
        <p className="quiet">Your words appear here as they are recognised.</p>
      ) : (
        <p lang={source}>
          {lines.map((line) => (
            <span key={line.number} className={line.final ? "" : "quiet"}>
              {line.text}{" "}
            </span>
          ))}
        </p>
      )}
    </div>
  );
}
