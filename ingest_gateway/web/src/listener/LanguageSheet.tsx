import { useText } from "../shared/i18n";
import { useListener, useSession } from "./in_page";
import { LanguageList } from "./LanguageList";
import { ModeChoice } from "./ModeChoice";
import { Problem } from "./Problem";
import { RoomNotice } from "./RoomNotice";
import { titleOf } from "./store";

/** The first thing that a listener sees of a talk: nobody is given a language unasked. */
export function LanguageSheet() {
  const session = useSession();
  const text = useText();
  const title = useListener(titleOf);
  const mode = useListener((state) => state.mode);
  return (
    <>
      <header className="talk">
        <span className="session" dir="auto">
          {title}
        </span>
      </header>
      <main className="asking">
        <Problem />
        <RoomNotice />
        <h1>{text.text("sheet.title")}</h1>
        <ModeChoice />
        {mode !== "captions" && <p className="quiet">{text.text("sheet.headphones")}</p>}
        <LanguageList
          chosen={null}
          heading="h2"
          onChoose={(tag) => {
            session.choose(tag);
          }}
        />
        <p className="quiet">{text.text("listen.machine")}</p>
      </main>
    </>
  );
}
