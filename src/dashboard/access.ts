import type { Access, Rights } from "./options.ts";

const ALL = { retry: true, cancel: true, run: true, pause: true } as const satisfies Required<Rights>;

/** What may be done beside looking; undefined where not even that. What is no {@link Access} is none. */
export function rightsOf(access: Access): Rights | undefined {
  if (access === "full") return ALL;
  if (access === "read") return {};
  // What plain JavaScript may return, such as `true` or a user, gives nothing that it does not name.
  const { retry, cancel, run, pause } =
    typeof access === "object" && (access as unknown) !== null ? access : {};
  const rights = { retry: retry === true, cancel: cancel === true, run: run === true, pause: pause === true };
  return Object.values(rights).includes(true) ? rights : undefined;
}

/**
 * Whether a form was sent by a page of this very site. Browsers say so, in a header that no page can set; older ones, and
 * all over plain HTTP, give the origin, whose host is that of the request. What says neither is no browser's form.
 */
export function isSameOrigin(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const origin = request.headers.get("origin");
  if (origin === null || !URL.canParse(origin)) return false;
  // Not the scheme: a proxy may have ended TLS.
  return new URL(origin).host === (request.headers.get("host") ?? new URL(request.url).host);
}

/** Headers of every response: nothing is loaded from elsewhere, run, framed, kept or sent on. */
export function securityHeaders(nonce: string): Readonly<Record<string, string>> {
  const ours = `'nonce-${nonce}'`;
  return {
    "Content-Security-Policy":
      `default-src 'none'; script-src ${ours}; style-src ${ours}; connect-src 'self'; form-action 'self'; ` +
      "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    // Not `no-referrer`: the Origin of its forms would be null.
    "Referrer-Policy": "same-origin",
  };
}
