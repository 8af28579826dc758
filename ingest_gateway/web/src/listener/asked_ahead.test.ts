import { expect, it } from "vitest";
import { afterAhead } from "./asked_ahead";

it("asks nobody the first time, and anew each later time", async () => {
  const asked: string[] = [];
  const ask = (place: string) => {
    asked.push(place);
    return Promise.resolve(`anew ${place}`);
  };
  const fetched = afterAhead(Promise.resolve("ahead"), ask);
  expect(await fetched("room")).toBe("ahead");
  expect(asked).toEqual([]);
  expect(await fetched("room")).toBe("anew room");
  expect(asked).toEqual(["room"]);
});

it("asks where nothing was asked ahead", async () => {
  expect(await afterAhead(null, (place: string) => Promise.resolve(place))("room")).toBe("room");
});
