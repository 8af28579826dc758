// For those who work on the pages: every state, in every language and theme. By its address:
// `?page=listener&view=live&language=ar&theme=dark`; without a view, a list of them.
import { StrictMode, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { ListenerContext, VisitContext } from "../listener/in_page";
import "../listener/page.css";
import type { ListenerNeeds } from "../listener/listener_needs";
import { ListenerSession } from "../listener/listener_session";
import { ListenerPage } from "../listener/ListenerPage";
import { RoomVisit } from "../listener/room_visit";
import { MissingPage } from "../missing/MissingPage";
import { OrganiserContext } from "../organiser/in_page";
import { OrganiserApi } from "../organiser/organiser_api";
import { OrganiserSession } from "../organiser/organiser_session";
import { OrganiserPage } from "../organiser/OrganiserPage";
import { followInterface, Interface, InterfaceContext } from "../shared/i18n";
import { memoryOf } from "../shared/remembered";
import * as pool from "../shared/sign_in";
import type { Catalogue, CatalogueFiles } from "../shared/texts";
import { SpeakerContext } from "../speaker/in_page";
import { browserNeeds } from "../speaker/speaker_needs";
import { SpeakerSession } from "../speaker/speaker_session";
import { SpeakerPage } from "../speaker/SpeakerPage";
import { TrustPage } from "../trust/TrustPage";
import { GalleryIndex } from "./GalleryIndex";
import { linesOf, SAMPLE_TALKS } from "./sample_talk";
import { ORGANISER_VIEWS } from "./organiser_views";
import { LISTENER_VIEWS, SPEAKER_VIEWS } from "./views";

const LISTENER_TEXTS = import.meta.glob<Catalogue>("../locales/{shared,listener}/*.json", {
  import: "default",
});
const SPEAKER_TEXTS = import.meta.glob<Catalogue>("../locales/{shared,speaker}/*.json", {
  import: "default",
});
const ORGANISER_TEXTS = import.meta.glob<Catalogue>("../locales/{shared,organiser}/*.json", {
  import: "default",
});
const TRUST_TEXTS = import.meta.glob<Catalogue>("../locales/{shared,trust}/*.json", {
  import: "default",
});
const OTHER_TEXTS: Readonly<Record<string, CatalogueFiles>> = {
  speaker: SPEAKER_TEXTS,
  organiser: ORGANISER_TEXTS,
  trust: TRUST_TEXTS,
};
/** A machine that this browser does not trust yet. */
const ask = () =>
  Promise.resolve({
    certificate: "#",
    fingerprint: FINGERPRINT,
    secureUrl: "https://192.168.1.20:8443",
  });
const look = () => Promise.resolve(false);
const FINGERPRINT = Array.from({ length: 32 }, () => "A7").join(":");

/** A session without a gateway and without sound. */
const NO_NEEDS: ListenerNeeds = {
  memory: memoryOf(),
  preferred: () => [],
  findSession: () => Promise.resolve({ kind: "unreachable" }),
  openLine: () => {
    throw new Error("the gallery has no gateway");
  },
  openTrackLine: () => {
    throw new Error("the gallery has no gateway");
  },
  createPlayback: () => null,
  createTrackSound: () => {
    throw new Error("the gallery has no sound");
  },
  listOutputs: () => Promise.resolve([]),
  showAddress: () => undefined,
  sendFeedback: () => Promise.resolve(true),
  isSlow: () => false,
  nowMs: Date.now,
};

const NO_VISIT = new RoomVisit(
  { id: "calm-harbour-412", key: "" },
  {
    fetchDoor: () => Promise.resolve({ kind: "none" }),
    openLine: (events) => NO_NEEDS.openLine(events),
  },
);

function listener(view: string, language: string): ReactNode {
  const session = new ListenerSession(NO_NEEDS);
  const preview = { number: 99, text: SAMPLE_TALKS[language]?.preview ?? "", language };
  session.store.setState({ language, lines: linesOf(language), partial: preview });
  session.store.setState((state) => LISTENER_VIEWS[view]?.(state) ?? {});
  return (
    <VisitContext value={view.startsWith("room-") ? NO_VISIT : null}>
      <ListenerContext value={session}>
        <ListenerPage />
      </ListenerContext>
    </VisitContext>
  );
}

function speaker(view: string): ReactNode {
  const session = new SpeakerSession({ ...browserNeeds(), memory: memoryOf() });
  session.store.setState({
    sources: ["en", "es", "ar"],
    microphones: [
      { id: "one", label: "" },
      { id: "two", label: "USB" },
    ],
    ...SPEAKER_VIEWS[view],
  });
  return (
    <SpeakerContext value={session}>
      <SpeakerPage />
    </SpeakerContext>
  );
}

function organiser(view: string): ReactNode {
  const session = new OrganiserSession({
    memory: memoryOf(),
    origin: "https://talks.example",
    fetchOffer: () => Promise.reject(new Error("the gallery has no gateway")),
    fetchToken: () => Promise.reject(new Error("the gallery has no gateway")),
    pool,
    createApi: (token) => new OrganiserApi(token),
  });
  session.store.setState(ORGANISER_VIEWS[view] ?? {});
  return (
    <OrganiserContext value={session}>
      <OrganiserPage />
    </OrganiserContext>
  );
}

async function show(page: HTMLElement): Promise<void> {
  const asked = new URLSearchParams(location.search);
  const name = asked.get("page") ?? "";
  const view = asked.get("view") ?? "";
  const language = asked.get("language") ?? "en";
  if (name === "organiser") await import("../organiser/organiser.css"); // it is no other page's
  const files = OTHER_TEXTS[name] ?? LISTENER_TEXTS;
  const own = await Interface.begin(files, memoryOf(), [language]);
  followInterface(own, "app.name");
  const shown =
    name === "listener" ? (
      listener(view, language)
    ) : name === "speaker" ? (
      speaker(view)
    ) : name === "organiser" ? (
      organiser(view)
    ) : name === "missing" ? (
      <MissingPage />
    ) : name === "trust" ? (
      <TrustPage ask={ask} look={look} />
    ) : (
      <GalleryIndex tags={own.tags} />
    );
  createRoot(page).render(
    <StrictMode>
      <InterfaceContext value={own}>{shown}</InterfaceContext>
    </StrictMode>,
  );
  const theme = asked.get("theme");
  if (name !== "listener" && theme !== null) document.documentElement.style.colorScheme = theme;
}

const page = document.getElementById("page");
if (page !== null) void show(page);
