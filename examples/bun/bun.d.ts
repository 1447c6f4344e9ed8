// As much of Bun as this example uses, for this repository's compiler. In your project: `bun add -d @types/bun`,
// and delete this file.
declare module "bun" {
  import type { BunSql } from "pqrun/bun";

  export const SQL: new (url: string) => BunSql & { close(): Promise<void> };

  export const markdown: {
    html(text: string, options: { readonly noHtmlBlocks: true; readonly noHtmlSpans: true }): string;
    render(text: string, callbacks: { heading(text: string): string }): string;
  };

  export function serve(options: {
    readonly hostname: string;
    readonly port: number;
    fetch(request: Request): Promise<Response>;
  }): { readonly url: URL; stop(): Promise<void> };
}
