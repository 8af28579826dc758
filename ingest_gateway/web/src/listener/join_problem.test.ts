import { expect, it } from "vitest";
import { ENGLISH } from "../shared/english";
import { joinProblem } from "./join_problem";

it.each([
  ["NO_SESSION", "choose", /joyful-1/],
  ["SESSION_ENDED", "over", /has ended/],
  ["BAD_LANGUAGE", "choose", /Choose another/],
  ["RATE_LIMITED", "again", /let in soon/],
  ["INTERNAL", "again", /Trying again/],
])("%s: %s", (code, then, words) => {
  const error = { type: "error" as const, code, message: "there is no voice for xx" };
  const problem = joinProblem(error, "joyful-1");
  expect(problem?.then).toBe(then);
  expect(problem && ENGLISH.words(problem.words)).toMatch(words);
});

it("keeps to itself what a listener cannot do anything about", () => {
  expect(joinProblem({ type: "error", code: "BAD_FIELD", message: "" }, "x")).toBeNull();
});
