import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Three pages, each with only what it needs: a listener's phone never loads the speaker's code.
export default defineConfig({
  plugins: [react()],
  worker: { format: "es" },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "listen.html", "operate.html"] },
  },
});
