import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { followInterface, Interface, InterfaceContext, type Catalogue } from "../shared/i18n";
import { BROWSER_MEMORY } from "../shared/remembered";
import "../style.css";
import { followPage, ListenerContext } from "./in_page";
import "./listener.css";
import { browserNeeds } from "./listener_needs";
import { ListenerSession } from "./listener_session";
import { ListenerPage } from "./ListenerPage";

const CATALOGUES = import.meta.glob<Catalogue>("../locales/{shared,listener}/*.json", {
  import: "default",
});

async function begin(page: HTMLElement): Promise<void> {
  const session = new ListenerSession(browserNeeds());
  followPage(session); // the talk is looked for while its texts are loaded
  const own = await Interface.begin(CATALOGUES, BROWSER_MEMORY, navigator.languages);
  followInterface(own, "listen.title");
  createRoot(page).render(
    <StrictMode>
      <InterfaceContext value={own}>
        <ListenerContext value={session}>
          <ListenerPage />
        </ListenerContext>
      </InterfaceContext>
    </StrictMode>,
  );
}

const page = document.getElementById("page");
if (page !== null) void begin(page);
