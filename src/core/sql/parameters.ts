/** A statement's parameters by name, each with the type that its text is cast to. */
export type ParameterTypes = Readonly<Record<string, string>>;

/** What a statement's parameters are, by name. */
export type ParameterValues = Readonly<Record<string, string | null>>;

/** A text as it is sent, and the names of its parameters in their order. */
export interface NumberedText {
  readonly text: string;
  readonly parameters: readonly string[];
}

/** `:name`, but neither in a comment, a literal or a quoted name, which may be the user's, nor after the colon of a cast. */
const NAMED = /--[^\n]*|"[^"]*"|'[^']*'|(?<!:):([a-z]\w*)/gi;

/**
 * The text with each `:name` as `$n` and its cast. Every parameter is sent as text, so that no driver chooses a type for it.
 * They count from the first that the text uses: what a text does not use is not sent.
 */
export function numbered(text: string, types: ParameterTypes): NumberedText {
  const parameters: string[] = [];
  const numberedText = text.replaceAll(NAMED, (found: string, name: string | undefined) => {
    if (name === undefined) return found;
    if (!parameters.includes(name)) parameters.push(name);
    const type = types[name] ?? "text";
    return `$${parameters.indexOf(name) + 1}::text${type === "text" ? "" : `::${type}`}`;
  });
  return { text: numberedText, parameters };
}
