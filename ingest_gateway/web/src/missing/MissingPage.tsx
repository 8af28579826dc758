import { useText } from "../shared/i18n";

/** What an address shows that no page has. */
export function MissingPage() {
  const text = useText();
  return (
    <>
      <header>
        <h1>{text.text("missing.title")}</h1>
      </header>
      <main>
        <p>{text.text("missing.text")}</p>
        <p className="ways-on">
          <a className="button primary" href="/listen">
            {text.text("missing.listen")}
          </a>
          <a className="button" href="/">
            {text.text("missing.speak")}
          </a>
        </p>
      </main>
    </>
  );
}
