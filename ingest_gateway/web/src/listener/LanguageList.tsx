import { useText } from "../shared/i18n";
import { directionOf, nativeName } from "../shared/language_table";
import { useListener } from "./in_page";

interface Props {
  readonly chosen: string | null;
  readonly onChoose: (tag: string) => void;
  /** Of its groups: one below that of what stands around it. */
  readonly heading: "h2" | "h3";
}

/** Languages in their own script, the likeliest first. */
export function LanguageList({ chosen, onChoose, heading: Heading }: Props) {
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
      <Heading className="group">{text.text("sheet.likely")}</Heading>
      {group(likely)}
      {others.length > 0 && <Heading className="group">{text.text("sheet.others")}</Heading>}
      {others.length > 0 && group(others)}
    </>
  );
}
