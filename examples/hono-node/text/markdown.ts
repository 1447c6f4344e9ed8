/** The first heading of a Markdown text, as plain text. */
export function headingOf(markdown: string): string | undefined {
  const heading = /^#{1,3}\s+(.+?)\s*#*$/m.exec(withoutCode(markdown))?.[1];
  return heading === undefined ? undefined : plain(heading) || undefined;
}

/** The prose of a Markdown text: paragraphs and list items as plain text; no code, tables, headings or markup. */
export function proseOf(markdown: string): string[] {
  const blocks: string[] = [];
  let lines: string[] = [];
  const close = (): void => {
    const text = plain(lines.join(" "));
    if (text !== "") blocks.push(text);
    lines = [];
  };
  for (const line of withoutCode(markdown).split(/\r?\n/)) {
    const text = line.replace(/^\s*(?:>\s?)+/, "").trim();
    if (/^(?:=+|-{2,})$/.test(text)) lines = []; // what stood above was a heading
    if (text === "" || NO_PROSE.test(text)) close();
    else if (LIST_ITEM.test(text)) {
      close();
      lines.push(text.replace(LIST_ITEM, ""));
    } else lines.push(text);
  }
  close();
  return blocks;
}

const LIST_ITEM = /^(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?/;
/** Headings, tables, rules, definitions of links. */
const NO_PROSE = /^(?:#{1,6}\s|\||[=*_-]{2,}$|\[[^\]]+\]:\s)/;

function withoutCode(markdown: string): string {
  return markdown
    .replace(/^---\r?\n[\s\S]*?\n---\r?\n/, "")
    .replace(/^ *(```+|~~~+)[^\n]*\n[\s\S]*?(?:^ *\1[^\n]*$|(?![\s\S]))/gm, "\n")
    .replace(/<!--[\s\S]*?-->/g, "");
}

function plain(text: string): string {
  return text
    .replace(/!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])/g, "")
    .replace(/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1")
    .replace(/<[^>\s][^>]*>/g, "")
    .replace(/(`+)(.+?)\1/g, "$2")
    .replace(/(\*\*|__|~~)(?=\S)(.+?)\1/g, "$2")
    .replace(/(?<!\w)([*_])(?=\S)(.+?)\1(?!\w)/g, "$2")
    .replace(/&(amp|lt|gt|quot|nbsp);/g, (_, name: string) => ENTITIES[name] ?? "")
    .replace(/\s+/g, " ")
    .trim();
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " " };
