// Every state that an organiser's page can be in, by name.
import type { OrganiserState } from "../organiser/organiser_session";
import type { RoomView, TalkView } from "../organiser/organiser_api";
import { ENDLESS } from "./words";

export type OrganiserView = Partial<OrganiserState>;

const TALK: TalkView = {
  talkId: "calm-harbour-412.1",
  title: "Tides & <b>currents</b>",
  speaker: "Grace Hopper",
  language: "en",
  plannedAt: Date.UTC(2027, 6, 1, 10),
  endedAt: null,
  link: "/speak/calm-harbour-412.1#Hi2oEiOSH08zSeAJ-tE8hg",
};
const ROOM: RoomView = {
  roomId: "calm-harbour-412",
  name: "Hall 1",
  languages: ["es", "ar"],
  accessCode: "1234",
  mostListeners: 40,
  retentionDays: 7,
  locked: true,
  link: "/room/calm-harbour-412#3q2-7wAAAAAAAAAAAAAAAA",
  onStage: "calm-harbour-412.2",
  talks: [
    { ...TALK, endedAt: Date.UTC(2027, 6, 1, 11) },
    { ...TALK, talkId: "calm-harbour-412.2", title: "مد وجزر \u{1f30a}", language: "ar" },
    { ...TALK, talkId: "calm-harbour-412.3", title: ENDLESS, speaker: "", plannedAt: null },
  ],
};
const EVENT = { eventId: "kind-harbour-100", title: "Tides 2027", createdAt: 0 };
const PLAN = { ...EVENT, clockAheadMs: 0 };
const IN: OrganiserView = {
  account: "in",
  base: "https://talks.example",
  sources: ["en", "es", "ar"],
  events: [EVENT, { ...EVENT, eventId: "kind-harbour-200", title: ENDLESS }],
};
const EMPTY_ROOM: RoomView = {
  ...ROOM,
  roomId: "calm-harbour-413",
  ...{ accessCode: null, mostListeners: null, locked: false, onStage: null, talks: [] },
  retentionDays: 0,
};

export const ORGANISER_VIEWS: Readonly<Record<string, OrganiserView>> = {
  out: { account: "out", hasPool: true },
  token: { account: "out" },
  "no-events": { ...IN, events: [] },
  events: IN,
  "no-rooms": { ...IN, plan: { ...PLAN, rooms: [] } },
  "no-talks": { ...IN, plan: { ...PLAN, rooms: [EMPTY_ROOM] } },
  plan: { ...IN, plan: { ...PLAN, title: ENDLESS, rooms: [ROOM, EMPTY_ROOM] } },
  erased: { ...IN, done: { id: "organise.erased", values: { objects: 12, rows: 340 } } },
  unreachable: { ...IN, problem: { id: "organise.unreachable" } },
  refused: { ...IN, problem: { id: "organise.refused", values: { reason: ENDLESS } } },
};
