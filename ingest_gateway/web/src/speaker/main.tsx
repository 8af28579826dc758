import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { followInterface, Interface, InterfaceContext } from "../shared/i18n";
import type { Catalogue } from "../shared/texts";
import { BROWSER_MEMORY } from "../shared/remembered";
import "../style.css";
import { followPage, SpeakerContext } from "./in_page";
import { browserNeeds } from "./speaker_needs";
import { SpeakerSession } from "./speaker_session";
import { SpeakerPage } from "./SpeakerPage";

const CATALOGUES = import.meta.glob<Catalogue>("../locales/{shared,speaker}/*.json", {
  import: "default",
});

async function begin(page: HTMLElement): Promise<void> {
  const session = new SpeakerSession(browserNeeds());
  followPage(session);
  void session.prepare();
  const own = await Interface.begin(CATALOGUES, BROWSER_MEMORY, navigator.languages);
  followInterface(own, "speak.title");
  createRoot(page).render(
    <StrictMode>
      <InterfaceContext value={own}>
        <SpeakerContext value={session}>
          <SpeakerPage />
        </SpeakerContext>
      </InterfaceContext>
    </StrictMode>,
  );
}

const page = document.getElementById("page");
if (page !== null) void begin(page);
