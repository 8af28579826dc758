import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { catalogues } from "./catalogues.ts";

const PAGES = [
  "index.html",
  "listen.html",
  "organise.html",
  "operate.html",
  "missing.html",
  "trust.html",
];
const GALLERY = ["gallery.html"];

// Each page has only what it needs: a listener's phone never loads the speaker's code. The gallery
// (`--mode gallery`) is for those who work on the pages, and is not served by a gateway.
export default defineConfig(({ mode }) => ({
  plugins: [catalogues(), react()],
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
    rolldownOptions: { input: mode === "gallery" ? GALLERY : PAGES },
  },
}));
