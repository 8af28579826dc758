// Every state that a page can be in, by name.
import type { ListenerState } from "../listener/store";
import type { SpeakerState } from "../speaker/store";
import { ENDLESS, SESSION } from "./words";

export type ListenerView = (state: ListenerState) => Partial<ListenerState>;
export type SpeakerView = Partial<SpeakerState>;

const LOCAL = { sessionId: SESSION, sourceLanguage: "en" };
const IN_TALK = { ...LOCAL, phase: "listening" } as const;

const TALK_IN_ROOM = {
  talkId: "calm-harbour-412.1",
  title: ENDLESS,
  speaker: "Grace Hopper",
  language: "en",
  plannedAt: Date.UTC(2027, 6, 1, 10),
};
const ROOM = {
  roomId: "calm-harbour-412",
  name: "Hall 1",
  eventTitle: "Tides 2027",
  retentionDays: 7,
  state: "waiting",
  sessionId: null,
  talk: null,
  next: { ...TALK_IN_ROOM, title: "Tides & <b>currents</b>" },
  clockAheadMs: 0,
} as const;
const SOON_MS = 25 * 60_000;
const IN_ROOM = { ...LOCAL, sessionId: null, room: ROOM };

export const LISTENER_VIEWS: Readonly<Record<string, ListenerView>> = {
  asked: () => ({ phase: "asking" }),
  "no-such-talk": () => ({
    phase: "asking",
    problem: { id: "join.none", values: { name: ENDLESS } },
  }),
  "asks-code": () => ({ ...LOCAL, phase: "asking", needsCode: true, language: "es" }),
  "wrong-code": () => ({
    ...LOCAL,
    phase: "asking",
    needsCode: true,
    problem: { id: "join.wrongCode" },
  }),
  locked: () => ({
    ...LOCAL,
    phase: "joining",
    lines: [],
    partial: null,
    problem: { id: "join.locked" },
  }),
  removed: () => ({ ...LOCAL, phase: "asking", problem: { id: "join.removed" } }),
  languages: () => ({
    ...LOCAL,
    phase: "choosing",
    likely: ["es", "en"],
    others: ["ar", "ca", "de", "fr", "hi", "it", "ja", "pt-BR", "uk", "zh-Hans"],
  }),
  connecting: () => ({ ...LOCAL, phase: "joining", lines: [], partial: null }),
  empty: () => ({ ...IN_TALK, lines: [], partial: null }),
  live: () => IN_TALK,
  ahead: ({ lines, partial }) => ({
    ...IN_TALK,
    partial: null,
    lines: lines.slice(0, -1).map((line) => (line.number < 6 ? line : { ...line, sentence: 5 })),
    released: [
      {
        sentence: 5,
        number: 7,
        text: lines.slice(6).reduce((text, line) => `${text} ${line.text}`, ""),
        preview: partial?.text ?? "",
        final: false,
      },
    ],
  }),
  quiet: () => ({ ...IN_TALK, presence: "quiet" }),
  away: () => ({ ...IN_TALK, presence: "away" }),
  paused: () => ({ ...IN_TALK, state: "paused" }),
  muted: () => ({ ...IN_TALK, state: "muted" }),
  offline: () => ({ ...LOCAL, phase: "joining", offlineS: 12 }),
  blocked: () => ({ ...IN_TALK, soundBlocked: true }),
  behind: () => ({ ...IN_TALK, behindS: 14, rate: 1.1 }),
  original: () => ({ ...IN_TALK, showOriginal: true }),
  contrast: () => ({ ...IN_TALK, highContrast: true, textSize: 3 }),
  captions: () => ({ ...IN_TALK, mode: "captions" }),
  sound: () => ({ ...IN_TALK, mode: "sound" }),
  slow: () => ({ ...IN_TALK, mode: "captions", isSlow: true }),
  "no-sound": () => ({ ...IN_TALK, hasNoSound: true, problem: { id: "sound.none" } }),
  "long-name": () => ({ ...IN_TALK, sessionId: ENDLESS }),
  "room-waiting": () => ({ ...IN_ROOM, phase: "waiting", lines: [], partial: null }),
  "room-soon": () => ({
    ...IN_ROOM,
    phase: "waiting",
    lines: [],
    partial: null,
    room: { ...ROOM, next: { ...ROOM.next, plannedAt: Date.now() + SOON_MS } },
  }),
  "room-next": () => ({ ...IN_ROOM, phase: "over", state: "ended", partial: null }),
  "room-live": () => ({ ...IN_TALK, room: { ...ROOM, state: "live", talk: TALK_IN_ROOM } }),
  "room-begins": () => ({
    ...IN_ROOM,
    phase: "waiting",
    lines: [],
    partial: null,
    room: { ...ROOM, talk: TALK_IN_ROOM },
  }),
  "room-nothing-planned": () => ({
    ...IN_ROOM,
    phase: "waiting",
    lines: [],
    partial: null,
    room: { ...ROOM, next: null },
  }),
  "room-over": () => ({
    ...IN_ROOM,
    phase: "over",
    state: "ended",
    partial: null,
    room: { ...ROOM, state: "ended", next: null, retentionDays: 0 },
  }),
  "room-paused": () => ({
    ...IN_TALK,
    state: "paused",
    room: { ...ROOM, state: "paused", talk: TALK_IN_ROOM },
  }),
  "room-away": () => ({
    ...IN_TALK,
    presence: "away",
    room: { ...ROOM, state: "speakerAway", talk: TALK_IN_ROOM },
  }),
  "room-sheet": () => ({
    ...IN_ROOM,
    phase: "choosing",
    likely: ["es", "en"],
    others: ["ar", "de", "ja"],
  }),
  "room-full": () => ({
    ...IN_ROOM,
    phase: "waiting",
    lines: [],
    partial: null,
    problem: { id: "room.full" },
  }),
  "room-full-at-the-door": () => ({
    ...IN_ROOM,
    phase: "choosing",
    likely: ["es"],
    others: [],
    problem: { id: "room.full" },
  }),
  "room-locked": () => ({
    ...IN_ROOM,
    phase: "waiting",
    lines: [],
    partial: null,
    problem: { id: "room.locked" },
  }),
  "room-code": () => ({ phase: "asking", needsCode: true }),
  "room-wrong-code": () => ({
    phase: "asking",
    needsCode: true,
    problem: { id: "room.wrongCode" },
  }),
  "room-none": () => ({ phase: "asking", problem: { id: "room.none" } }),
  settings: () => ({ ...IN_TALK, isTrackKeptOut: true }),
  ended: () => ({ ...LOCAL, phase: "over", state: "ended" }),
};

const TALK = {
  phase: "speaking",
  sessionId: SESSION,
  link: `https://talks.example/listen/${SESSION}`,
  connected: true,
  savedMs: 61_000,
  listeners: { es: 12, ar: 3, "pt-BR": 1 },
  lagMs: { es: 2300, ar: 2750 },
  ownLines: [
    { number: 0, text: "When the ship came in,", final: true },
    { number: 1, text: "she had already", final: false },
  ],
} as const satisfies SpeakerView;

export const SPEAKER_VIEWS: Readonly<Record<string, SpeakerView>> = {
  ready: { phase: "ready" },
  "by-link": {
    phase: "ready",
    sheet: {
      ...TALK_IN_ROOM,
      title: "Tides & <b>currents</b>",
      endedAt: null,
      roomId: "calm-harbour-412",
      roomName: "Hall 1",
      eventTitle: "Tides 2027",
      listenerLink: "/room/calm-harbour-412#Hi2oEiOSH08zSeAJ-tE8hg",
      retentionDays: 7,
      clockAheadMs: 0,
    },
  },
  refused: { phase: "ready", problem: { id: "microphone.refused" }, needsToken: true },
  "signed-out": { phase: "ready", account: "signed out" },
  starting: { phase: "starting" },
  "left-open": { phase: "ready", resumable: SESSION },
  live: TALK,
  "this-machine": { ...TALK, link: `http://127.0.0.1:8080/listen/${SESSION}` },
  phones: {
    ...TALK,
    link: `https://192.168.1.20:8443/listen/${SESSION}`,
    trustUrl: "http://192.168.1.20:8081/",
  },
  muted: { ...TALK, state: "muted" },
  paused: { ...TALK, state: "paused" },
  offline: { ...TALK, connected: false, unsavedMs: 9000 },
  losing: { ...TALK, connected: false, unsavedMs: 30_000, lostMs: 5000 },
  "not-heard": { ...TALK, cannotHear: 3 },
  held: { ...TALK, problem: { id: "microphone.held" } },
  ended: { phase: "over", sessionId: SESSION, savedMs: 61_000, erasure: "possible" },
  erased: { phase: "over", sessionId: SESSION, savedMs: 61_000, erasure: "done" },
  taken: { phase: "over", sessionId: SESSION, problem: { id: "problem.takenOver" } },
};
