// Vite lets a page load ahead what its script imports, and not what the script imports later.
import type { Plugin } from "vite";

/** Let a page's HTML load ahead the scripts that its own one imports later for sure: those of the
 * modules named `page.tsx`. Otherwise they would be asked for a round trip later. */
export function preloadPages(): Plugin {
  return {
    name: "preload-pages",
    transformIndexHtml: {
      order: "post",
      handler(_html, { bundle = {}, chunk }) {
        const wanted = new Set<string>();
        const add = (name: string) => {
          const found = bundle[name];
          if (found?.type !== "chunk" || wanted.has(name)) return;
          wanted.add(name);
          found.imports.forEach(add);
        };
        for (const name of chunk?.dynamicImports ?? []) {
          const found = bundle[name];
          const isPage = found?.type === "chunk" && found.facadeModuleId?.endsWith("/page.tsx");
          if (isPage === true) add(name);
        }
        const known = new Set([chunk?.fileName, ...(chunk?.imports ?? [])]);
        return [...wanted]
          .filter((name) => !known.has(name))
          .map((name) => ({
            tag: "link",
            attrs: { rel: "modulepreload", crossorigin: true, href: `/${name}` },
            injectTo: "head" as const,
          }));
      },
    },
  };
}
