import { expect, it } from "vitest";
import { memoryOf } from "../shared/remembered";
import { FakeSound } from "./listener_fakes";
import type { SoundEvents } from "./sound";
import { SoundControls } from "./sound_controls";
import { createListenerStore } from "./store";

it("plays on the usual device while the chosen one is gone", async () => {
  const memory = memoryOf();
  let plugged = ["speakers", "headset"];
  const devices = () => plugged.map((deviceId) => ({ deviceId, label: deviceId }));
  const controls = new SoundControls(createListenerStore(memory), memory, () =>
    Promise.resolve(devices() as MediaDeviceInfo[]),
  );
  const sound = new FakeSound({} as SoundEvents);
  controls.use(sound);
  await controls.setOutput("headset");
  plugged = ["speakers"];
  await controls.lookForOutputs();
  expect(sound.playedOn).toBe("");
  expect(memory.get("output")).toBe("headset");
  plugged = []; // no names are told: nothing is known
  await controls.lookForOutputs();
  plugged = ["speakers", "headset"];
  await controls.lookForOutputs();
  expect(sound.playedOn).toBe("headset");
});
