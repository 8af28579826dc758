import { beforeEach, expect, it } from "vitest";
import { memoryOf } from "../shared/remembered";
import { RefusedError, type RulesChange, type SessionRules } from "./account";
import type { OpenTalk } from "./open_talk";
import { OwnerControls } from "./owner_controls";
import { createSpeakerStore } from "./store";

const HERE = [
  { listenerId: "a", targetLanguage: "es", connectedAt: 5 },
  { listenerId: "b", targetLanguage: "ca", connectedAt: 6 },
];
const RULES: SessionRules = { listeningKey: "KEY", listening: "id", locked: false };
const TALK: OpenTalk = { sessionId: "joyful-1", key: "KEY", token: "t", source: "en" };

let asked: unknown[];
let refusal: RefusedError | null;
let open: OpenTalk | null;
let kept: OpenTalk[];
let store: ReturnType<typeof createSpeakerStore>;
let owner: OwnerControls;

function answered<T>(value: T, ...what: unknown[]): Promise<T> {
  asked.push(what);
  return refusal === null ? Promise.resolve(value) : Promise.reject(refusal);
}

beforeEach(() => {
  [asked, kept, refusal, open] = [[], [], null, TALK];
  store = createSpeakerStore(memoryOf());
  owner = new OwnerControls(store, {
    account: {
      fetchRules: (id, token) => answered(RULES, "rules", id, token),
      fetchListeners: (id, token) => answered(HERE, "listeners", id, token),
      removeListener: (id, token, who) => answered(undefined, "remove", id, token, who),
      changeSession: (id, token, wanted: RulesChange) =>
        answered<SessionRules>(
          { ...RULES, locked: wanted.locked ?? false, listeningKey: "NEW" },
          "change",
          ...[id, token, wanted],
        ),
    },
    openTalk: () => Promise.resolve(open),
    linkOf: (talk, key) => `/listen/${talk.sessionId}#${key ?? ""}`,
    keep: (talk) => kept.push(talk),
  });
});

it("shows who may listen, and who does", async () => {
  await owner.look();
  expect(store.getState()).toMatchObject({ rules: RULES, present: HERE, ruled: null });
  expect(asked).toEqual([
    ["rules", "joyful-1", "t"],
    ["listeners", "joyful-1", "t"],
  ]);
});

it("changes one rule, and says that it was done", async () => {
  await owner.change({ locked: true });
  expect(asked).toEqual([["change", "joyful-1", "t", { locked: true }]]);
  expect(store.getState()).toMatchObject({ rules: { locked: true }, ruled: { id: "owner.done" } });
});

it("shows the link with the key that holds from now on, also after the page was loaded anew", async () => {
  await owner.change({ newListeningKey: true });
  expect(store.getState().link).toBe("/listen/joyful-1#NEW");
  expect(kept).toEqual([{ ...TALK, key: "NEW" }]);
});

it("removes one listener", async () => {
  await owner.look();
  await owner.remove("a");
  expect(asked.at(-1)).toEqual(["remove", "joyful-1", "t", "a"]);
  expect(store.getState().present.map((one) => one.listenerId)).toEqual(["b"]);
});

it("says what was refused, and leaves things as they are", async () => {
  await owner.look();
  refusal = new RefusedError("BAD_FIELD", "at least 6 letters or digits");
  await owner.change({ accessCode: "1" });
  expect(store.getState()).toMatchObject({
    rules: RULES,
    problem: null,
    ruled: { id: "problem.refused", values: { reason: "at least 6 letters or digits" } },
  });
});

it("asks for nothing where there is no talk", async () => {
  open = null;
  await owner.look();
  await owner.remove("a");
  expect(asked).toEqual([]);
});
