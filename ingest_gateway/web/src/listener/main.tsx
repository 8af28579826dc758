import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { followInterface, Interface, InterfaceContext, type Catalogue } from "../shared/i18n";
import { BROWSER_MEMORY } from "../shared/remembered";
import "../style.css";
import type { LineEvents } from "../protocol/line";
import { roomOfAddress } from "../shared/session_link";
import { fetchDoor } from "./door";
import { followPage, ListenerContext, VisitContext } from "./in_page";
import "./listener.css";
import "./dialogs.css";
import { browserNeeds } from "./listener_needs";
import { ListenerSession } from "./listener_session";
import { ListenerPage } from "./ListenerPage";
import { RoomVisit } from "./room_visit";

const CATALOGUES = import.meta.glob<Catalogue>("../locales/{shared,listener}/*.json", {
  import: "default",
});

async function begin(page: HTMLElement): Promise<void> {
  const needs = browserNeeds();
  const place = roomOfAddress(location.pathname, location.hash);
  const visit =
    place && new RoomVisit(place, { fetchDoor, openLine: (events) => needs.openLine(events) });
  const openLine = (events: LineEvents) => (visit ?? needs).openLine(events);
  const showAddress = (path: string) => {
    if (visit === null) needs.showAddress(path);
    else location.assign(path); // a room's page stays at its room's address
  };
  const session = new ListenerSession({ ...needs, openLine, showAddress });
  followPage(session, visit); // the talk is looked for while its texts are loaded
  const own = await Interface.begin(CATALOGUES, BROWSER_MEMORY, navigator.languages);
  followInterface(own, "listen.title");
  createRoot(page).render(
    <StrictMode>
      <InterfaceContext value={own}>
        <VisitContext value={visit}>
          <ListenerContext value={session}>
            <ListenerPage />
          </ListenerContext>
        </VisitContext>
      </InterfaceContext>
    </StrictMode>,
  );
}

/** The shell of this page is kept, so that it opens without a network. */
function keepShell(): void {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined; // secure pages only
  void workers?.register("/service-worker.js").catch(() => undefined);
}

addEventListener("load", keepShell);
const page = document.getElementById("page");
if (page !== null) void begin(page);
