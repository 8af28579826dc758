import { useListener, useSession } from "./in_page";
import { useEffect } from "react";
import type { ListenerSession } from "./listener_session";
import { listDevices } from "../shared/devices";

/** Behind by more than this, a listener may want to leave something out. */
const FAR_BEHIND_S = 10;

export function PlayerControls() {
  const session = useSession();
  const state = useListener((state) => state);
  useEffect(() => {
    void listOutputs(session);
    showOnLockScreen(session);
  }, [session]);
  return (
    <section className="player" aria-label="Sound">
      <div className="controls">
        <button aria-pressed={state.paused} onClick={() => void session.pause(!state.paused)}>
          {state.paused ? "Go on" : "Pause"}
        </button>
        <button
          aria-pressed={state.muted}
          onClick={() => {
            session.setMuted(!state.muted);
          }}
        >
          {state.muted ? "Unmute" : "Mute"}
        </button>
        <input
          type="range"
          aria-label="Volume"
          min={0}
          max={1}
          step={0.05}
          value={state.volume}
          onChange={(event) => {
            session.setVolume(Number(event.target.value));
          }}
        />
        {!state.continuous && (state.paused || state.behindS > FAR_BEHIND_S) && (
          <button onClick={() => void session.jumpToLive()}>Jump to live</button>
        )}
      </div>
      <p className="quiet behind">{waiting(state.behindS, state.rate, state.paused)}</p>
      <label className="check">
        <input
          type="checkbox"
          checked={state.showOriginal}
          onChange={(event) => {
            session.setShowOriginal(event.target.checked);
          }}
        />
        Show the original beside the translation
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={state.continuous}
          onChange={(event) => {
            session.setContinuous(event.target.checked);
          }}
        />
        Continuous sound, for a locked screen
      </label>
      {state.isTrackKeptOut && (
        <p className="quiet" role="status">
          It does not get through this network: clips are played instead.
        </p>
      )}
      {state.outputs.length > 1 && (
        <label className="inline">
          Play on
          <select
            value={state.output}
            onChange={(event) => void session.setOutput(event.target.value)}
          >
            <option value="">The usual device</option>
            {state.outputs.map((one) => (
              <option key={one.id} value={one.id}>
                {one.label}
              </option>
            ))}
          </select>
        </label>
      )}
    </section>
  );
}

function waiting(behindS: number, rate: number, paused: boolean): string {
  if (behindS === 0) return "\u00a0"; // keeps its line
  const waits = `${String(behindS)} s wait to be heard`;
  if (paused) return `${waits}: go on from here, or jump to live.`;
  return rate > 1.005 ? `${waits}; playing a little faster to catch up.` : `${waits}.`;
}

/** Only browsers that can choose one, and only devices whose names this page may know. */
async function listOutputs(session: ListenerSession): Promise<void> {
  if (!("setSinkId" in AudioContext.prototype)) return;
  const outputs = (await listDevices("audiooutput"))
    .filter((device) => device.label)
    .map((device) => ({ id: device.deviceId, label: device.label }));
  session.setOutputs(outputs);
}

function showOnLockScreen(session: ListenerSession): void {
  const shown = navigator.mediaSession as MediaSession | undefined;
  if (shown === undefined) return;
  shown.metadata = new MediaMetadata({ title: "Live translation" });
  shown.setActionHandler("play", () => void session.pause(false));
  shown.setActionHandler("pause", () => void session.pause(true));
}
