/** A secret, or where it comes from: an environment that is there only with a request. */
export type Secret = string | undefined | (() => string | undefined | Promise<string | undefined>);

const MIN_SECRET_LENGTH = 16;
const utf8 = new TextEncoder();

/** Whether a request has the secret as its bearer token. @throws Error where none of at least 16 characters is set. */
export async function bearsSecret(request: Request, secret: Secret): Promise<boolean> {
  const expected: unknown = await (typeof secret === "function" ? secret() : secret);
  if (typeof expected !== "string" || expected.length < MIN_SECRET_LENGTH) {
    throw new Error(`no secret of at least ${MIN_SECRET_LENGTH} characters is set`);
  }
  return await isSame(bearerOf(request), expected);
}

function bearerOf(request: Request): string {
  return /^Bearer +(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
}

/** In the same time whatever differs: of digests, which have one length, every byte is compared. */
async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([digest(one), digest(other)]);
  let difference = 0;
  for (const [place, byte] of a.entries()) difference |= byte ^ (b[place] ?? 0);
  return difference === 0;
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(text)));
}
