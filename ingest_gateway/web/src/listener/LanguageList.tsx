import { useText } from "../shared/i18n";
import { directionOf, nativeName } from "../shared/language_table";
import { useListener } from "./in_page";

interface Props {
  readonly chosen: string | null;
  readonly onChoose: (tag: string) => void;
}

/** Languages in their own script, the likeliest first. */
export function LanguageList({ chosen, onChoose }: Props) {
  const text = useText();
  const likely = useListener((state) => state.likely);
  const others = useListener((state) => state.others);
  const spoken = useListener((state) => state.sourceLanguage);
  const group = (tags: readonly string[]) => (
    <ul className="languages">
      {tags.map((tag) => (
        <li key={tag}>
          <button
            aria-current={tag === chosen}
            onClick={() => {
              onChoose(tag);
            }}
          >
            <span lang={tag} dir={directionOf(tag)}>
              {nativeName(tag)}
            </span>
            {tag === spoken && <small>{text.text("sheet.spoken")}</small>}
          </button>
        </li>
      ))}
    </ul>
  );
  if (likely.length === 0) return group(others);
  return (
    <>
      <h3>{text.text("sheet.likely")}</h3>
      {group(likely)}
      {others.length > 0 && <h3>{text.text("sheet.others")}</h3>}
      {others.length > 0 && group(others)}
    </>
  );
}
