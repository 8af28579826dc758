import { useInterface, useText } from "./i18n";
import { nativeName } from "./language_table";

/** Which language the page's own texts are in, and whether a person has reviewed them. */
export function InterfaceChoice() {
  const own = useInterface();
  const text = useText();
  return (
    <div className="interface-choice">
      <label>
        {text.text("interface.language")}
        <select value={text.tag} onChange={(event) => void own.choose(event.target.value)}>
          {own.tags.map((tag) => (
            <option key={tag} value={tag} lang={tag}>
              {nativeName(tag)}
            </option>
          ))}
        </select>
      </label>
      {!text.isReviewed && <p className="quiet">{text.text("interface.unreviewed")}</p>}
    </div>
  );
}
