/**
 * The API report as pages, one for each entry of the package: its names, and the declaration of each.
 *
 * @returns paths with their Markdown
 */
export function apiPages(report: string): (readonly [path: string, text: string])[] {
  const [lists = "", declarations = ""] = report.split(/^Exported\n/m);
  const declared = new Map<string, string>();
  for (const text of (declarations.split(/^Not exported\n/m)[0] ?? "").split(/\n\n+/)) {
    const name = /^(?:abstract )?(?:class|interface|type|function|const|let) (\w+)/.exec(text.trim())?.[1];
    if (name !== undefined) declared.set(name, text.trim());
  }
  return [...lists.matchAll(/^(pqrun(?:\/[\w-]+)?)\n((?: {2}\w+\n)+)/gm)].map(
    ([, entry = "", names = ""]) => {
      const parts = names
        .trim()
        .split(/\s+/)
        .map(
          (name) => `## ${name}\n\n\`\`\`ts\n${declared.get(name) ?? `// ${name}: see its source`}\n\`\`\`\n`,
        );
      return [`api/${entry.replaceAll("/", "-")}.md`, `# ${entry}\n\n${parts.join("\n")}`] as const;
    },
  );
}
