import { useId } from "react";
import { useText, type MessageId } from "../shared/i18n";
import { useListener, useSession } from "./in_page";
import type { Mode } from "./store";

const MODES: readonly (readonly [Mode, MessageId])[] = [
  ["both", "mode.both"],
  ["captions", "mode.captions"],
  ["sound", "mode.sound"],
];

/** Sound, captions, or both. */
export function ModeChoice() {
  const session = useSession();
  const text = useText();
  const mode = useListener((state) => state.mode);
  const name = useId();
  return (
    <fieldset className="segments">
      <legend>{text.text("mode.label")}</legend>
      {MODES.map(([one, id]) => (
        <label key={one}>
          <input
            type="radio"
            name={name}
            checked={mode === one}
            onChange={() => {
              session.setMode(one);
            }}
          />
          <span>{text.text(id)}</span>
        </label>
      ))}
    </fieldset>
  );
}
