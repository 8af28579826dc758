import { useEffect } from "react";
import { useText } from "../shared/i18n";
import { useListener, useSession } from "./in_page";
import { useLockScreen } from "./use_lock_screen";

/** Behind by more than this, a listener may want to leave something out. */
const FAR_BEHIND_S = 10;
/** Behind by less than this is what loading ahead needs. */
const WORTH_SAYING_S = 3;

/** The bar under the captions. */
export function PlayerControls() {
  const session = useSession();
  const text = useText();
  const mode = useListener((state) => state.mode);
  const hasNoSound = useListener((state) => state.hasNoSound);
  const paused = useListener((state) => state.paused);
  const muted = useListener((state) => state.muted);
  const volume = useListener((state) => state.volume);
  const isFarBehind = useListener(
    (state) => !state.continuous && (state.paused || state.behindS > FAR_BEHIND_S),
  );
  useLockScreen();
  useEffect(() => {
    void session.controls.lookForOutputs();
  }, [session]);
  if (hasNoSound) return null;
  if (mode === "captions") {
    return (
      <section className="player" aria-label={text.text("sound.label")}>
        <button
          onClick={() => {
            session.setMode("both");
          }}
        >
          {text.text("mode.both")}
        </button>
      </section>
    );
  }
  return (
    <section className="player" aria-label={text.text("sound.label")}>
      <Behind />
      <button aria-pressed={paused} onClick={() => void session.controls.pause(!paused)}>
        {text.text(paused ? "sound.goOn" : "sound.pause")}
      </button>
      <button
        aria-pressed={muted}
        onClick={() => {
          session.controls.setMuted(!muted);
        }}
      >
        {text.text(muted ? "sound.unmute" : "sound.mute")}
      </button>
      {isFarBehind ? (
        <button onClick={() => void session.controls.jumpToLive()}>
          {text.text("sound.jump")}
        </button>
      ) : (
        <input
          type="range"
          aria-label={text.text("sound.volume")}
          aria-valuetext={text.percent(volume)}
          min={0}
          max={1}
          step={0.05}
          value={volume}
          onChange={(event) => {
            session.controls.setVolume(Number(event.target.value));
          }}
        />
      )}
    </section>
  );
}

/** How much waits to be heard. It lies over the captions, so that nothing moves. */
function Behind() {
  const text = useText();
  const seconds = useListener((state) => state.behindS);
  const isFaster = useListener((state) => state.rate > 1.005 && !state.paused);
  const isWorthSaying = useListener((state) => state.paused || state.behindS >= WORTH_SAYING_S);
  if (seconds === 0 || !isWorthSaying) return null;
  return (
    <p className="behind">{text.text(isFaster ? "sound.faster" : "sound.behind", { seconds })}</p>
  );
}
