import { expect, it } from "vitest";
import { stillPartial, withLine, withState, type CaptionLine } from "./captions";

const line = (number: number, text = `line ${String(number)}`): CaptionLine => ({
  number,
  text,
  original: "",
  state: "waiting",
});

it("puts each line in its place, once", () => {
  const lines = [line(1), line(5), line(3), line(3, "again")].reduce(withLine, []);
  expect(lines).toEqual([line(1), line(3), line(5)]);
});

it("leaves a line as it is when its number is told again", () => {
  const heard = withState([line(1), line(2)], 1, "heard");
  expect(withLine(heard, { ...line(1, "told again"), state: "missing" })).toBe(heard);
});

it("does not bring back a line that is kept no more", () => {
  const many = Array.from({ length: 600 }, (_, at) => line(at)).reduce(withLine, []);
  expect(withLine(many, line(3, "told again"))).toEqual(many);
});

it("marks one line", () => {
  const lines = withState([line(1), line(2)], 2, "playing");
  expect(lines.map((one) => one.state)).toEqual(["waiting", "playing"]);
});

it("drops a hypothesis when its line has come", () => {
  const partial = { number: 2, text: "so far", language: "en" };
  expect(stillPartial(partial, [line(1)])).toBe(partial);
  expect(stillPartial(partial, [line(1), line(2)])).toBeNull();
  expect(stillPartial(partial, [line(3)])).toBeNull();
});
