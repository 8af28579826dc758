import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { followInterface, Interface, InterfaceContext } from "../shared/i18n";
import type { Catalogue } from "../shared/texts";
import { BROWSER_MEMORY } from "../shared/remembered";
import * as pool from "../shared/sign_in";
import "../style.css";
import { OrganiserContext } from "./in_page";
import "./organiser.css";
import { fetchOffer, fetchToken, OrganiserApi } from "./organiser_api";
import { OrganiserSession } from "./organiser_session";
import { OrganiserPage } from "./OrganiserPage";

const LOOK_EVERY_MS = 3000;
const CATALOGUES = import.meta.glob<Catalogue>("../locales/{shared,organiser}/*.json", {
  import: "default",
});

async function begin(page: HTMLElement): Promise<void> {
  const session = new OrganiserSession({
    memory: BROWSER_MEMORY,
    origin: location.origin,
    fetchOffer,
    fetchToken,
    pool,
    createApi: (token) => new OrganiserApi(token),
  });
  void session.prepare();
  setInterval(() => {
    if (document.visibilityState === "visible") void session.refresh();
  }, LOOK_EVERY_MS);
  const own = await Interface.begin(CATALOGUES, BROWSER_MEMORY, navigator.languages);
  followInterface(own, "organise.title");
  createRoot(page).render(
    <StrictMode>
      <InterfaceContext value={own}>
        <OrganiserContext value={session}>
          <OrganiserPage />
        </OrganiserContext>
      </InterfaceContext>
    </StrictMode>,
  );
}

const page = document.getElementById("page");
if (page !== null) void begin(page);
