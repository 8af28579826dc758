import { beforeEach, expect, it } from "vitest";
import { memoryOf } from "../shared/remembered";
import { RefusedError, type TalkSheet } from "./account";
import { EndedTalk } from "./ended_talk";
import type { OpenTalk } from "./open_talk";
import { createSpeakerStore } from "./store";

const TALK: OpenTalk = { sessionId: "joyful-1", key: null, token: "old", source: "en" };

let erased: string[];
let refusal: RefusedError | null;
let store: ReturnType<typeof createSpeakerStore>;
let ended: EndedTalk;

beforeEach(() => {
  [erased, refusal] = [[], null];
  store = createSpeakerStore(memoryOf());
  store.setState({ phase: "over" });
  const account = {
    eraseSession: (id: string, token: string) => {
      erased.push(`${id} ${token}`);
      return refusal === null ? Promise.resolve() : Promise.reject(refusal);
    },
  };
  ended = new EndedTalk(store, account, (token) => Promise.resolve(`new for ${token}`));
});

it("deletes what was said, once, with a token that holds now", async () => {
  ended.keep(TALK);
  expect(store.getState().erasure).toBe("possible");
  const erasing = ended.erase();
  expect(store.getState().erasure).toBe("under way");
  await erasing;
  expect(store.getState()).toMatchObject({ erasure: "done", problem: null });
  await ended.erase();
  expect(erased).toEqual(["joyful-1 new for old"]);
});

it("says what was refused, and can be asked again", async () => {
  ended.keep(TALK);
  refusal = new RefusedError("UNREACHABLE", "");
  await ended.erase();
  expect(store.getState()).toMatchObject({
    erasure: "possible",
    problem: { id: "problem.unreachable" },
  });
  refusal = null;
  await ended.erase();
  expect(store.getState()).toMatchObject({ erasure: "done", problem: null });
});

it.each([
  ["of a room", { sheet: {} as TalkSheet }],
  ["that goes on on another page", { problem: { id: "problem.takenOver" } as const }],
])("leaves alone a talk %s", async (_which, state) => {
  store.setState(state);
  ended.keep(TALK);
  expect(store.getState().erasure).toBe("not here");
  await ended.erase();
  expect(erased).toEqual([]);
});

it("deletes one that the gateway has ended", () => {
  store.setState({ problem: { id: "problem.sessionEnded" } });
  ended.keep(TALK);
  expect(store.getState().erasure).toBe("possible");
});
