import type { StoreApi } from "zustand/vanilla";
import type { Words } from "../shared/i18n";
import type { Memory } from "../shared/remembered";
import type { Sound } from "./sound";
import type { ListenerState } from "./store";

const NO_OUTPUT: Words = { id: "sound.badOutput" };

/** What a listener does with the sound of a talk, whichever sound it has now. */
export class SoundControls {
  private sound: Sound | null = null;
  /** On top of the speaker's volume a listener has their own; both 0 to 1. */
  private speakersVolume = 1;
  /** What it is played on now: another device than chosen while that one is not there. */
  private playedOn = "";

  constructor(
    private readonly store: StoreApi<ListenerState>,
    private readonly memory: Memory,
    private readonly listOutputs: () => Promise<readonly MediaDeviceInfo[]>,
  ) {}

  /** Let this be what is heard, as loud and where the listener has chosen; null: nothing. */
  use(sound: Sound | null): void {
    this.sound = sound;
    this.applyVolume();
    this.playOn(this.store.getState().output);
  }

  /** How far behind, how fast, and whether the browser lets it be heard. */
  showProgress(now: { behindS: number; rate: number; soundBlocked: boolean }): void {
    const { behindS, rate, soundBlocked } = this.store.getState();
    const next = { ...now, behindS: Math.round(now.behindS) };
    if (next.behindS !== behindS || next.rate !== rate || next.soundBlocked !== soundBlocked) {
      this.store.setState({
        behindS: next.behindS,
        rate: next.rate,
        soundBlocked: next.soundBlocked,
      });
    }
  }

  async start(): Promise<void> {
    await this.sound?.startSound();
  }

  async pause(paused: boolean): Promise<void> {
    this.store.setState({ paused });
    await this.sound?.pause(paused);
  }

  async jumpToLive(): Promise<void> {
    this.sound?.jumpToLive();
    if (this.store.getState().paused) await this.pause(false);
  }

  setVolume(volume: number): void {
    this.memory.set("listenerVolume", String(volume));
    this.store.setState({ volume });
    this.applyVolume();
  }

  setMuted(muted: boolean): void {
    this.memory.set("listenerMuted", String(muted));
    this.store.setState({ muted });
    this.applyVolume();
  }

  setSpeakersVolume(volume: number): void {
    this.speakersVolume = volume;
    this.applyVolume();
  }

  async setOutput(output: string): Promise<void> {
    const { output: before, problem } = this.store.getState();
    this.store.setState({ output, problem: problem === NO_OUTPUT ? null : problem });
    try {
      await this.sound?.output.setOutput(output);
      this.playedOn = output;
      this.memory.set("output", output);
    } catch {
      this.store.setState({ output: before, problem: NO_OUTPUT });
    }
  }

  /** What the sound can be played on, where a browser can choose and tells the names. Where the
   * chosen device has gone, the usual one plays until it is back. */
  async lookForOutputs(): Promise<void> {
    const outputs = await this.listOutputs();
    const { output } = this.store.getState();
    const isThere = outputs.some(({ deviceId }) => deviceId === output);
    const wanted = isThere || outputs.length === 0 ? output : "";
    if (wanted !== this.playedOn) this.playOn(wanted);
    this.store.setState({
      outputs: outputs.map(({ deviceId, label }) => ({ id: deviceId, label })),
    });
  }

  private playOn(output: string): void {
    this.playedOn = output;
    void this.sound?.output.setOutput(output).catch(() => undefined);
  }

  private applyVolume(): void {
    const { volume, muted } = this.store.getState();
    this.sound?.output.setVolume(muted ? 0 : volume * this.speakersVolume);
  }
}
