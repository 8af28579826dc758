import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { catalogues } from "./catalogues.ts";
import { preloadPages } from "./preload_pages.ts";

const PAGES = [
  "index.html",
  "listen.html",
  "organise.html",
  "operate.html",
  "missing.html",
  "trust.html",
];
const GALLERY = ["gallery.html"];

// A browser asks one host for six things at once over HTTP/1.1; the seventh waits for a round trip.
// So a page's script comes in few files: what all pages need, and what a listener's page needs
// before that is there.
const CHUNKS = [
  {
    name: "early",
    test: /\/src\/shared\/(texts|remembered|session_link|language_range|language_names|server_clock)\.ts$|vite\/preload-helper/,
    priority: 2,
  },
  {
    name: "base",
    test: /\/node_modules\/(react|react-dom|scheduler|zustand|intl-messageformat|@formatjs)\/|\/src\/shared\/(i18n|language_table|InterfaceChoice|PlannedTime|devices)\.tsx?$|\/src\/protocol\/(line|rtc_line|backoff|messages)\.ts$/,
    priority: 1,
  },
];

// Each page has only what it needs: a listener's phone never loads the speaker's code. The gallery
// (`--mode gallery`) is for those who work on the pages, and is not served by a gateway.
export default defineConfig(({ mode }) => ({
  plugins: [catalogues(), preloadPages(), react()],
  worker: { format: "es" as const },
  resolve: {
    // Messages are parsed when the pages are built.
    alias:
      mode === "test"
        ? []
        : [
            {
              find: /^@formatjs\/icu-messageformat-parser$/,
              replacement: "@formatjs/icu-messageformat-parser/no-parser.js",
            },
          ],
  },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    outDir: mode === "gallery" ? "dist-gallery" : "dist",
    rolldownOptions: {
      input: mode === "gallery" ? GALLERY : PAGES,
      output: { codeSplitting: { groups: CHUNKS } },
    },
  },
}));
