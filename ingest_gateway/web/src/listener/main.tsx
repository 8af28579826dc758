import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "../style.css";
import { followPage, ListenerContext } from "./in_page";
import { browserNeeds, ListenerSession } from "./listener_session";
import { ListenerPage } from "./ListenerPage";

const page = document.getElementById("page");
if (page !== null) {
  const session = new ListenerSession(browserNeeds());
  createRoot(page).render(
    <StrictMode>
      <ListenerContext value={session}>
        <ListenerPage />
      </ListenerContext>
    </StrictMode>,
  );
  followPage(session);
}
