import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "../style.css";
import { followPage, SpeakerContext } from "./in_page";
import { browserNeeds, SpeakerSession } from "./speaker_session";
import { SpeakerPage } from "./SpeakerPage";

const page = document.getElementById("page");
if (page !== null) {
  const session = new SpeakerSession(browserNeeds());
  createRoot(page).render(
    <StrictMode>
      <SpeakerContext value={session}>
        <SpeakerPage />
      </SpeakerContext>
    </StrictMode>,
  );
  followPage(session);
  void session.prepare();
}
