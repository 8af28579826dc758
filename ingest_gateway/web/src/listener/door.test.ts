import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fetchDoor } from "./door";

const PLACE = { id: "calm-1", key: "Hi2oEiOSH08zSeAJ-tE8hg" };
const NOON = Date.UTC(2027, 6, 1, 12);
const OFFERED = { en: ["ca", "en", "es"], de: ["de", "fr"] };
const TALK = { talkId: "calm-1.1", title: "One", speaker: "", language: "en", plannedAt: null };

let door: { languages: string[]; state: { talk?: typeof TALK | null; next?: typeof TALK | null } };
let status: number;

beforeEach(() => {
  vi.useFakeTimers({ now: NOON + 24 * 3600_000 });
  door = { languages: [], state: { next: TALK } };
  status = 200;
  vi.stubGlobal("fetch", (path: string) => {
    const body = path === "/offer" ? { languages: OFFERED } : door;
    const headers = { date: new Date(NOON).toUTCString() };
    const isDoor = path === "/rooms/calm-1/door";
    return Promise.resolve(Response.json(body, { headers, status: isDoor ? status : 200 }));
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function languages(): Promise<readonly string[] | null> {
  const found = await fetchDoor(PLACE, null);
  return found.kind === "found" ? found.languages : null;
}

it("offers what is said beside a room's own languages, and nothing that a talk has no way to", async () => {
  door.languages = ["es"];
  expect(await languages()).toEqual(["es", "en"]);
  door.state = { talk: { ...TALK, language: "de" }, next: TALK };
  expect(await languages()).toEqual(["es", "de"]);
  door.state = { next: { ...TALK, language: "xx" } };
  expect(await languages()).toEqual(["es"]);
  door.state = {};
  expect(await languages()).toEqual(["es"]);
});

it("offers all that there is where a room names no languages", async () => {
  expect(await languages()).toEqual(["ca", "en", "es"]);
  door.state = {};
  expect(await languages()).toEqual(["ca", "de", "en", "es", "fr"]);
});

it("tells how far this device's clock is off", async () => {
  expect(await fetchDoor(PLACE, null)).toMatchObject({ clockAheadMs: -24 * 3600_000 });
});

it.each([
  [404, null, { kind: "none" }],
  [403, null, { kind: "code", wasWrong: false }],
  [403, "1234", { kind: "code", wasWrong: true }],
  [503, null, { kind: "unreachable" }],
])("says what %i means with the code %s", async (answered, code, found) => {
  status = answered;
  expect(await fetchDoor(PLACE, code)).toEqual(found);
});
