import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import type { LineEvents } from "../protocol/line";
import { followInterface, Interface, InterfaceContext } from "../shared/i18n";
import { BROWSER_MEMORY } from "../shared/remembered";
import { roomOfAddress } from "../shared/session_link";
import type { CatalogueFiles } from "../shared/texts";
import { afterAhead, type AskedAhead } from "./asked_ahead";
import { fetchDoor } from "./door";
import { followPage, ListenerContext, VisitContext } from "./in_page";
import { browserNeeds } from "./listener_needs";
import { ListenerSession } from "./listener_session";
import { ListenerPage } from "./ListenerPage";
import { findSession } from "./offer";
import { RoomVisit } from "./room_visit";

/** `files`: of the texts, for other languages than the first. */
export function showPage(page: HTMLElement, files: CatalogueFiles, asked: AskedAhead): void {
  const needs = { ...browserNeeds(), findSession: afterAhead(asked.session, findSession) };
  const place = roomOfAddress(location.pathname, location.hash);
  const visit =
    place &&
    new RoomVisit(place, {
      fetchDoor: afterAhead(asked.door, fetchDoor),
      openLine: (events) => needs.openLine(events),
    });
  const openLine = (events: LineEvents) => (visit ?? needs).openLine(events);
  const showAddress = (path: string) => {
    if (visit === null) needs.showAddress(path);
    else location.assign(path); // a room's page stays at its room's address
  };
  const session = new ListenerSession({ ...needs, openLine, showAddress });
  followPage(session, visit);
  const own = new Interface(files, BROWSER_MEMORY, asked.texts);
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
