import { useText } from "../shared/i18n";
import { useListener } from "./in_page";

/** What is wrong, and what is done about it. */
export function Problem() {
  const text = useText();
  const problem = useListener((state) => state.problem);
  if (problem === null) return null;
  return (
    <p className="problem" role="alert">
      {text.words(problem)}
    </p>
  );
}
