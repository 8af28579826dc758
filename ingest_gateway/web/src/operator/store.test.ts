import { expect, it } from "vitest";
import type { Operations, Point } from "./operations";
import { knownUntilMs, NOTHING_YET, type OperatorState, withAnswer, withFailure } from "./store";

const HOUR_MS = 3_600_000;

function point(at: number, listeners = 0): Point {
  return {
    at,
    sessions: 1,
    listeners,
    waitingRecords: 0,
    oldestWaitingMs: 0,
    deadLetters: 0,
    lagP95Ms: {},
  };
}

function answer(at: number, ...history: Point[]): Operations {
  return {
    at,
    gatewayId: "gateway-1",
    flinkUrl: null,
    windowS: 300,
    historyEveryS: 5,
    sessions: [],
    lag: [],
    backlog: {
      unstored: { records: 0, oldestAt: null },
      undelivered: { records: 0, oldestAt: null },
    },
    deadLetters: { since: null, byStep: {}, complete: true, newest: [], problem: null },
    history,
  };
}

const times = (state: OperatorState) => state.history.map(({ at }) => at);
const signedIn: OperatorState = { ...NOTHING_YET, token: "abc" };

it("puts the pictures together from answers that bring only what is new", () => {
  const first = withAnswer(signedIn, answer(20, point(10), point(15)));
  expect([knownUntilMs(signedIn), knownUntilMs(first)]).toEqual([0, 15]);
  const second = withAnswer(first, answer(30, point(15, 9), point(20)));
  expect(times(second)).toEqual([10, 15, 20]);
  expect(second.history[1]?.listeners).toBe(0);
  expect(second.operations?.at).toBe(30);
});

it("keeps an hour and no more", () => {
  const first = withAnswer(signedIn, answer(10, point(5), point(10)));
  const later = withAnswer(first, answer(5 + HOUR_MS, point(5 + HOUR_MS)));
  expect(times(later)).toEqual([10, 5 + HOUR_MS]);
});

it("shows what it had while the gateway does not answer, and forgets the problem after", () => {
  const shown = withAnswer(signedIn, answer(20, point(10)));
  const failed = withFailure(shown, "UNREACHABLE", "The gateway does not answer.");
  expect(failed.problem).toBe("The gateway does not answer. Trying again.");
  expect([failed.token, times(failed)]).toEqual(["abc", [10]]);
  expect(withAnswer(failed, answer(30)).problem).toBeNull();
});

it.each([
  ["UNAUTHORIZED", "This token is not valid, or not any more."],
  ["FORBIDDEN", "This token is not an operator's."],
])("shows nothing to whom the gateway answers %s, and asks for another token", (code, problem) => {
  const shown = withAnswer(signedIn, answer(20, point(10)));
  expect(withFailure(shown, code, "refused")).toEqual({ ...NOTHING_YET, problem });
});
