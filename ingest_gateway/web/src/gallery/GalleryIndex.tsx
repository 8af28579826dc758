import { directionOf, nativeName } from "../shared/language_table";
import { ORGANISER_VIEWS } from "./organiser_views";
import { LISTENER_VIEWS, SPEAKER_VIEWS } from "./views";

const PAGES: readonly (readonly [string, readonly string[]])[] = [
  ["listener", Object.keys(LISTENER_VIEWS)],
  ["speaker", Object.keys(SPEAKER_VIEWS)],
  ["organiser", Object.keys(ORGANISER_VIEWS)],
  ["missing", ["page"]],
  ["trust", ["page"]],
];

/** Links to every view, in every language. Themes follow the browser. */
export function GalleryIndex({ tags }: { readonly tags: readonly string[] }) {
  return (
    <main className="wide">
      {PAGES.map(([page, views]) => (
        <section key={page} className="card" aria-label={page}>
          <h1>{page}</h1>
          {views.map((view) => (
            <p key={view}>
              {`${view}: `}
              {tags.map((tag) => (
                <a
                  key={tag}
                  href={`?page=${page}&view=${view}&language=${tag}`}
                  lang={tag}
                  dir={directionOf(tag)}
                >
                  {`${nativeName(tag)} `}
                </a>
              ))}
            </p>
          ))}
        </section>
      ))}
    </main>
  );
}
