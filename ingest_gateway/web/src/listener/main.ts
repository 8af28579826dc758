// What the page's HTML loads. It is small and asks the gateway at once; the script that shows the
// answers is on its way meanwhile (`preload_pages.ts`).
import { roomOfAddress, keyOf, sessionOfPath } from "../shared/session_link";
import { BROWSER_MEMORY } from "../shared/remembered";
import { fetchFirstTexts, type Catalogue, type Texts } from "../shared/texts";
import "./page.css";
import { fetchDoor } from "./door";
import { findSession } from "./offer";

const CATALOGUES = import.meta.glob<Catalogue>("../locales/{shared,listener}/*.json", {
  import: "default",
});

const LOAD_AGAIN_MS = 2000;

async function begin(page: HTMLElement): Promise<void> {
  const room = roomOfAddress(location.pathname, location.hash);
  const sessionId = sessionOfPath(location.pathname);
  const asked = {
    door: room && fetchDoor(room, null),
    session: sessionId === null ? null : findSession(sessionId, keyOf(location.hash)),
  };
  const fetched = fetchFirstTexts(CATALOGUES, BROWSER_MEMORY, navigator.languages);
  const loaded = await Promise.all([import("./page"), fetched]).catch(() => null);
  if (loaded === null) {
    await beginAnew(page, fetched);
    return;
  }
  const [{ showPage }, texts] = loaded;
  showPage(page, CATALOGUES, { ...asked, texts });
}

/** The network broke while the page came. A browser does not ask again for a script that failed, so
 * the page is loaded anew as soon as the gateway answers. */
async function beginAnew(page: HTMLElement, fetched: Promise<Texts>): Promise<void> {
  const texts = await fetched.catch(() => null);
  const words = texts?.messages["join.unreachable"];
  page.textContent = typeof words === "string" ? words : "…";
  const isReachable = () =>
    fetch("/healthz").then(
      (answer) => answer.ok,
      () => false,
    );
  do {
    await new Promise((done) => setTimeout(done, LOAD_AGAIN_MS));
  } while (!(await isReachable()));
  location.reload();
}

/** The shell of this page is kept, so that it opens without a network. */
function keepShell(): void {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined; // secure pages only
  void workers?.register("/service-worker.js").catch(() => undefined);
}

addEventListener("load", keepShell);
const page = document.getElementById("page");
if (page !== null) void begin(page);
