import { expect, it } from "vitest";
import { SpeakerPresence } from "./speaker_presence";
import { shownState } from "./TalkState";

it("calls nobody here after five seconds without a hypothesis", () => {
  const presence = new SpeakerPresence(0);
  presence.speech("partial", 1000);
  expect([presence.at(5999), presence.at(6000)]).toEqual(["here", "quiet"]);
  presence.speech("utterance", 7000);
  expect(presence.at(7000)).toBe("here");
});

it("waits longer where only utterances come", () => {
  const presence = new SpeakerPresence(0);
  presence.speech("utterance", 0);
  expect([presence.at(7999), presence.at(8000)]).toEqual(["here", "quiet"]);
});

it("believes a gateway that tells of the speaker at once, whatever is still on its way", () => {
  const presence = new SpeakerPresence(0);
  presence.toldBy("away", 1000);
  presence.speech("utterance", 1500); // said before
  expect(presence.at(1500)).toBe("away");
  presence.toldBy("here", 3000);
  expect(presence.at(3000)).toBe("here");
});

it("forgets nothing that a gateway told when a message does not tell it", () => {
  const presence = new SpeakerPresence(0);
  presence.toldBy("away", 0);
  presence.toldBy(undefined, 10);
  expect(presence.at(10)).toBe("away");
});

it.each([
  [{ phase: "joining", state: "live", presence: "here" }, "connecting"],
  [{ phase: "listening", state: "live", presence: "here" }, "live"],
  [{ phase: "listening", state: "live", presence: "quiet" }, "quiet"],
  [{ phase: "listening", state: "live", presence: "away" }, "away"],
  [{ phase: "listening", state: "muted", presence: "away" }, "away"],
  [{ phase: "listening", state: "paused", presence: "quiet" }, "paused"],
  [{ phase: "listening", state: "muted", presence: "quiet" }, "muted"],
  [{ phase: "over", state: "ended", presence: "away" }, "ended"],
] as const)("shows %j as %s", (state, shown) => {
  expect(shownState({ room: null, ...state })).toBe(shown);
});
