import type { Ref } from "react";
import { useText, type MessageId } from "../shared/i18n";
import { InterfaceChoice } from "../shared/InterfaceChoice";
import { Downloads } from "./Downloads";
import { CannotHear } from "./Feedback";
import { useListener, useSession } from "./in_page";
import { ModeChoice } from "./ModeChoice";
import { TEXT_SIZES_REM, type Theme } from "./store";

const THEMES: readonly (readonly [Theme, MessageId])[] = [
  ["system", "theme.system"],
  ["light", "theme.light"],
  ["dark", "theme.dark"],
];

/** Everything that is set once in a while. */
export function SettingsDrawer({ ref }: { readonly ref: Ref<HTMLDialogElement> }) {
  const session = useSession();
  const text = useText();
  const phase = useListener((state) => state.phase);
  return (
    <dialog ref={ref} className="drawer" aria-labelledby="settings-title">
      <form method="dialog" className="drawer-head">
        <h2 id="settings-title">{text.text("settings.title")}</h2>
        <button>{text.text("close")}</button>
      </form>
      {phase !== "over" && <CannotHear />}
      <ModeChoice />
      <Reading />
      <Sound />
      <InterfaceChoice />
      <Downloads />
      <button
        className="danger"
        onClick={() => {
          session.leave();
        }}
      >
        {text.text("leave")}
      </button>
    </dialog>
  );
}

function Reading() {
  const session = useSession();
  const text = useText();
  const textSize = useListener((state) => state.textSize);
  const highContrast = useListener((state) => state.highContrast);
  const theme = useListener((state) => state.theme);
  const showOriginal = useListener((state) => state.showOriginal);
  return (
    <>
      <label>
        {text.text("settings.textSize")}
        <input
          type="range"
          min={0}
          max={TEXT_SIZES_REM.length - 1}
          step={1}
          value={textSize}
          aria-valuetext={text.percent(TEXT_SIZES_REM[textSize] ?? 1)}
          onChange={(event) => {
            session.setLooks({ textSize: Number(event.target.value) });
          }}
        />
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={showOriginal}
          onChange={(event) => {
            session.setLooks({ showOriginal: event.target.checked });
          }}
        />
        {text.text("settings.original")}
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={highContrast}
          onChange={(event) => {
            session.setLooks({ highContrast: event.target.checked });
          }}
        />
        {text.text("settings.contrast")}
      </label>
      <label>
        {text.text("theme.label")}
        <select
          value={theme}
          onChange={(event) => {
            session.setLooks({ theme: event.target.value as Theme });
          }}
        >
          {THEMES.map(([one, id]) => (
            <option key={one} value={one}>
              {text.text(id)}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

function Sound() {
  const session = useSession();
  const text = useText();
  const continuous = useListener((state) => state.continuous);
  const isKeptOut = useListener((state) => state.isTrackKeptOut);
  const hasNoSound = useListener((state) => state.hasNoSound);
  const output = useListener((state) => state.output);
  const outputs = useListener((state) => state.outputs);
  if (hasNoSound) return null;
  return (
    <>
      <label className="check">
        <input
          type="checkbox"
          checked={continuous}
          onChange={(event) => {
            session.setContinuous(event.target.checked);
          }}
        />
        {text.text("settings.continuous")}
      </label>
      {isKeptOut && (
        <p className="quiet" role="status">
          {text.text("settings.keptOut")}
        </p>
      )}
      {outputs.length > 1 && (
        <label>
          {text.text("settings.output")}
          <select
            value={output}
            onChange={(event) => void session.controls.setOutput(event.target.value)}
          >
            <option value="">{text.text("settings.usualOutput")}</option>
            {outputs.map((one) => (
              <option key={one.id} value={one.id}>
                {one.label}
              </option>
            ))}
          </select>
        </label>
      )}
    </>
  );
}
