import { useRef } from "react";
import { useText } from "../shared/i18n";
import { nativeName } from "../shared/language_table";
import { Captions } from "./Captions";
import { ConnectionNotice } from "./ConnectionNotice";
import { CodeForm } from "./CodeForm";
import { Verdict } from "./Feedback";
import { useListener, useSession, useVisit } from "./in_page";
import { JoinForm } from "./JoinForm";
import { LanguageList } from "./LanguageList";
import { LanguageSheet } from "./LanguageSheet";
import { PlayerControls } from "./PlayerControls";
import { Problem } from "./Problem";
import { RoomNotice } from "./RoomNotice";
import { SettingsDrawer } from "./SettingsDrawer";
import { titleOf } from "./store";
import { TalkState } from "./TalkState";
import { useLooks } from "./use_looks";

export function ListenerPage() {
  useLooks();
  const phase = useListener((state) => state.phase);
  if (phase === "asking") return <Asking />;
  if (phase === "choosing") return <LanguageSheet />;
  return <Inside />;
}

function Asking() {
  const text = useText();
  const isRoom = useVisit() !== null;
  const needsCode = useListener((state) => state.needsCode);
  return (
    <>
      <header>
        <h1>{text.text("listen.heading")}</h1>
      </header>
      <main className="asking">
        <Problem />
        {needsCode && <CodeForm />}
        {!isRoom && !needsCode && <JoinForm />}
      </main>
    </>
  );
}

function Inside() {
  const session = useSession();
  const text = useText();
  const phase = useListener((state) => state.phase);
  const title = useListener(titleOf);
  const language = useListener((state) => state.language) ?? "";
  const soundBlocked = useListener((state) => state.soundBlocked);
  const languages = useRef<HTMLDialogElement>(null);
  const settings = useRef<HTMLDialogElement>(null);
  return (
    <>
      <header className="talk">
        <TalkState />
        <h1 className="session" dir="auto">
          {title}
        </h1>
        <button
          className="language"
          lang={language}
          aria-label={`${text.text("settings.language")}: ${nativeName(language)}`}
          onClick={() => languages.current?.showModal()}
        >
          {nativeName(language)}
        </button>
        <button
          className="icon"
          aria-label={text.text("settings.title")}
          onClick={() => settings.current?.showModal()}
        >
          <SettingsIcon />
        </button>
      </header>
      <main className="listener" data-phase={phase}>
        <Problem />
        <ConnectionNotice />
        <RoomNotice />
        {soundBlocked && (
          <button className="primary tap" onClick={() => void session.controls.start()}>
            {text.text("sound.tap")}
          </button>
        )}
        <Captions />
        {phase === "over" && <Verdict />}
        <PlayerControls />
      </main>
      <dialog ref={languages} className="sheet" aria-labelledby="languages-title">
        <h2 id="languages-title">{text.text("sheet.title")}</h2>
        <LanguageList
          chosen={language}
          heading="h3"
          onChoose={(tag) => {
            languages.current?.close();
            session.changeLanguage(tag);
          }}
        />
        <form method="dialog">
          <button>{text.text("close")}</button>
        </form>
      </dialog>
      <SettingsDrawer ref={settings} />
    </>
  );
}

function SettingsIcon() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <path d="M4 7h8m5 0h3M4 17h3m5 0h8" />
      <circle cx="14.5" cy="7" r="2.5" />
      <circle cx="9.5" cy="17" r="2.5" />
    </svg>
  );
}
