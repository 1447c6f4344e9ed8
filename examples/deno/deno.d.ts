/** As much of Deno as this example uses, for this repository's compiler. In yours Deno brings its own: delete it. */
declare namespace Deno {
  const version: { readonly deno: string };

  function serve(
    options: { readonly hostname: string; readonly port: number; readonly signal?: AbortSignal },
    handler: (request: Request) => Promise<Response>,
  ): { readonly finished: Promise<void>; shutdown(): Promise<void> };

  function cron(
    name: string,
    schedule: string,
    options: { readonly signal: AbortSignal },
    handler: () => Promise<void>,
  ): Promise<void>;
}
