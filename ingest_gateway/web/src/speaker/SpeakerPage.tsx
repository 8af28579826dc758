import { useSession, useSpeaker } from "./in_page";
import { useState } from "react";
import { useText, type MessageId, type Words } from "../shared/i18n";
import { InterfaceChoice } from "../shared/InterfaceChoice";
import { directionOf, nativeName } from "../shared/language_table";
import { PlannedTime } from "../shared/PlannedTime";
import { Kept } from "./Kept";
import { Invitation } from "./Invitation";
import { LevelMeter } from "./LevelMeter";
import { OwnerPanel } from "./OwnerPanel";
import type { Phase } from "./store";
import { TalkControls } from "./TalkControls";
import type { Way } from "./talk_protocol";
import { TalkStatus } from "./TalkStatus";

export function SpeakerPage() {
  const text = useText();
  const phase = useSpeaker((state) => state.phase);
  const problem = useSpeaker((state) => state.problem);
  const sheet = useSpeaker((state) => state.sheet);
  const isSpeaking = phase === "speaking";
  return (
    <>
      <header>
        <h1>{text.text("speak.heading")}</h1>
        {!isSpeaking && sheet === null && <a href="/listen">{text.text("speak.toListen")}</a>}
      </header>
      <main className={isSpeaking ? "wide" : ""}>
        {problem !== null && (
          <p className="problem" role="alert">
            {text.words(problem)}
          </p>
        )}
        <OwnTalk />
        {isSpeaking ? <Talking /> : <Preparing />}
        {!isSpeaking && <InterfaceChoice />}
      </main>
    </>
  );
}

/** The talk that the page's link is of. */
function OwnTalk() {
  const text = useText();
  const sheet = useSpeaker((state) => state.sheet);
  if (sheet === null) return null;
  return (
    <section className="card own-talk" aria-label={sheet.title}>
      <p className="quiet">
        <bdi>{sheet.eventTitle}</bdi> · <bdi>{sheet.roomName}</bdi>
      </p>
      <h2>
        <bdi>{sheet.title}</bdi>
      </h2>
      <p>
        {sheet.speaker !== "" && (
          <>
            <bdi>{sheet.speaker}</bdi>
            {" · "}
          </>
        )}
        <bdi lang={sheet.language}>{nativeName(sheet.language)}</bdi>
        {sheet.plannedAt !== null && (
          <>
            {" · "}
            <PlannedTime atMs={sheet.plannedAt} clockAheadMs={sheet.clockAheadMs} />
          </>
        )}
      </p>
      <p className="quiet">{text.text("link.kept", { days: sheet.retentionDays })}</p>
      <p className="quiet">{text.text("link.text")}</p>
    </section>
  );
}

function Preparing() {
  const text = useText();
  const session = useSession();
  const state = useSpeaker((state) => state);
  const [token, setToken] = useState("");
  const isStarting = state.phase === "starting";
  return (
    <section className="card" aria-labelledby="prepare">
      <h2 id="prepare">{text.text(heading(state.phase, state.problem))}</h2>
      {state.phase === "over" && state.sessionId !== null && (
        <Kept name={state.sessionId} savedMs={state.savedMs} erasure={state.erasure} />
      )}
      {state.resumable !== null && (
        <p>
          <button
            className="primary"
            disabled={isStarting}
            onClick={() => void session.resumeTalk()}
          >
            {text.text("prepare.resume", { name: state.resumable })}
          </button>
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void session.start(token.trim());
        }}
      >
        {state.sheet === null && <SpokenLanguage />}
        <MicrophoneChoice />
        <details>
          <summary>{text.text("prepare.more")}</summary>
          <label>
            {text.text("prepare.chunk")}
            <select
              value={state.chunkSamples}
              onChange={(event) => {
                session.choose("chunkSamples", Number(event.target.value));
              }}
            >
              <option value={4096}>{text.text("prepare.leastData", { ms: 256 })}</option>
              <option value={2048}>{text.text("prepare.chunkMs", { ms: 128 })}</option>
              <option value={1024}>{text.text("prepare.leastDelay", { ms: 64 })}</option>
            </select>
          </label>
          <label>
            {text.text("prepare.way")}
            <select
              value={state.way}
              onChange={(event) => {
                session.choose("way", event.target.value as Way);
              }}
            >
              <option value="websocket">{text.text("prepare.websocket")}</option>
              <option value="webrtc">{text.text("prepare.webrtc")}</option>
            </select>
          </label>
        </details>
        {state.needsToken && (
          <label>
            {text.text("prepare.token")}
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
            {text.text("prepare.signIn")}
          </button>
        ) : (
          <button className="primary" disabled={isStarting}>
            {text.text(isStarting ? "prepare.starting" : "prepare.start")}
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
            {text.text("prepare.signOut")}
          </button>
        )}
      </form>
    </section>
  );
}

function SpokenLanguage() {
  const text = useText();
  const session = useSession();
  const sources = useSpeaker((state) => state.sources);
  const source = useSpeaker((state) => state.source);
  return (
    <label>
      {text.text("prepare.language")}
      <select
        value={source}
        onChange={(event) => {
          session.choose("source", event.target.value);
        }}
      >
        {(sources.length > 0 ? sources : [source]).map((code) => (
          <option key={code} value={code} lang={code}>
            {nativeName(code)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A talk that another page took over goes on there. */
function heading(phase: Phase, problem: Words | null): MessageId {
  if (phase !== "over") return "prepare.new";
  return problem === null ? "prepare.ended" : "prepare.stopped";
}

function MicrophoneChoice() {
  const text = useText();
  const session = useSession();
  const microphones = useSpeaker((state) => state.microphones);
  const chosen = useSpeaker((state) => state.microphone);
  const isThere = microphones.some((one) => one.id === chosen);
  return (
    <label>
      {text.text("microphone.label")}
      <select
        value={isThere ? chosen : ""}
        onChange={(event) => void session.switchMicrophone(event.target.value)}
      >
        <option value="">{text.text("microphone.usual")}</option>
        {microphones.map((one, index) => (
          <option key={one.id} value={one.id}>
            {one.label || text.text("microphone.numbered", { number: index + 1 })}
          </option>
        ))}
      </select>
    </label>
  );
}

function Talking() {
  const text = useText();
  const sheet = useSpeaker((state) => state.sheet);
  return (
    <>
      <section className="card" aria-label={text.text("talk.label")}>
        <TalkControls />
        <LevelMeter />
        <MicrophoneChoice />
        <ListenersVolume />
        <OwnWords />
      </section>
      <div className="column">
        <Invitation />
        <TalkStatus />
        {sheet === null && <OwnerPanel />}
      </div>
    </>
  );
}

function ListenersVolume() {
  const text = useText();
  const session = useSession();
  const volume = useSpeaker((state) => state.volume);
  return (
    <label>
      {text.text("talk.volume")}
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
  const text = useText();
  const lines = useSpeaker((state) => state.ownLines);
  const source = useSpeaker((state) => state.source);
  return (
    <div className="own-words">
      <h2>{text.text("talk.words")}</h2>
      {lines.length === 0 ? (
        <p className="quiet">{text.text("talk.noWords")}</p>
      ) : (
        <p lang={source} dir={directionOf(source)}>
          {lines.map((line) => (
            <span key={line.number} className={line.final ? "" : "quiet"}>
              {`${line.text} `}
            </span>
          ))}
        </p>
      )}
    </div>
  );
}
