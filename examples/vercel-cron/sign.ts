const utf8 = new TextEncoder();
const algorithm = { name: "HMAC", hash: "SHA-256" };

/** A signature of Standard Webhooks. The secret is as it has them: base64, after "whsec_". */
export async function sign(text: string, secret: string): Promise<string> {
  const key = Uint8Array.from(atob(secret.replace(/^whsec_/, "")), (character) => character.charCodeAt(0));
  const hmac = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  const signature = new Uint8Array(await crypto.subtle.sign(algorithm, hmac, utf8.encode(text)));
  return `v1,${btoa(String.fromCharCode(...signature))}`;
}

/** Whether two texts are the same, in a time that doesn't tell how much of them is: what it compares nobody foresees. */
export async function isSame(one: string, other: string): Promise<boolean> {
  const secret = btoa(crypto.randomUUID());
  return (await sign(one, secret)) === (await sign(other, secret));
}
