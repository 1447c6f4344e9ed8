import { readFileSync } from "node:fs";

import { defineConfig } from "vitepress";
import llmstxt from "vitepress-plugin-llms";

/** Written with the pages, by scripts/build-docs.ts. */
const sidebar = JSON.parse(readFileSync(new URL("../.pages/sidebar.json", import.meta.url), "utf8"));

export default defineConfig({
  title: "pqrun",
  description:
    "A job queue in the PostgreSQL that your application already has, for TypeScript on every JavaScript runtime",
  srcDir: ".pages",
  outDir: "dist",
  cleanUrls: true,
  // A link that leads nowhere fails the build, as is VitePress's default.
  ignoreDeadLinks: false,
  themeConfig: {
    search: { provider: "local" },
    sidebar,
    socialLinks: [{ icon: "github", link: "https://github.com/pqrun/pqrun-js" }],
    outline: [2, 3],
  },
  // Text that looks like a tag or a template is text: the pages are GitHub's, too.
  markdown: { html: false },
  vite: { plugins: [llmstxt()] },
});
