/** A JSON text on lines, indented. Its numbers stay as they are written, where parsing would round some. */
export function onLines(json: string): string {
  let depth = 0;
  const line = (): string => `\n${"  ".repeat(depth)}`;
  return json.replace(
    /("(?:[^"\\]|\\.)*")|(\{\s*\}|\[\s*\])|([{[])|([}\]])|(,)|(:)|\s+/g,
    (part, ...groups) => {
      const [text, empty, opening, closing, comma, colon] = groups as (string | undefined)[];
      if (text !== undefined || empty !== undefined) return part;
      if (opening !== undefined) {
        depth += 1;
        return opening + line();
      }
      if (closing !== undefined) {
        depth -= 1;
        return line() + closing;
      }
      if (comma !== undefined) return comma + line();
      return colon === undefined ? "" : ": ";
    },
  );
}
